(** * Determinism (Theorem 1 of the design, without clocks)

    Under a fixed environment a process without races, whose branches let no error out, ends in
    one way: if one run ends, all do, after as many steps, with the same data, and completed or
    failed with the same error.  No order of steps is assumed: this is what the design calls
    timing_independent, which is more than deterministic.

    The proof: two steps of such a process are the same step, or can be taken in either order with
    the same result ([diamond]). *)

From Theory Require Export Footprints.

(** ** The conditions, read off the text *)

(** No two branches touch what one of them writes.  (The tool's check is finer: it looks at steps
    that may run at once, at locks, and at updates that commute.) *)
Fixpoint race_free (p : proc) : Prop :=
  match p with
  | Skip | Stuck | Fail _ | Assign _ _ | Act _ | Running _ => True
  | Par p q => independent p q /\ race_free p /\ race_free q
  | Seq p q | Choice p q | If _ p q | Try p _ q => race_free p /\ race_free q
  | While _ p => race_free p
  end.

(** No error leaves a branch of [||]: else who fails first, and how far the others are, decides. *)
Fixpoint contained (p : proc) : Prop :=
  match p with
  | Skip | Stuck | Fail _ | Assign _ _ | Act _ | Running _ => True
  | Par p q => (throws p = [] /\ throws q = []) /\ contained p /\ contained q
  | Seq p q | Choice p q | If _ p q | Try p _ q => contained p /\ contained q
  | While _ p => contained p
  end.

Lemma apart_incl r1 w1 r2 w2 r1' w1' r2' w2' :
  apart r1 w1 r2 w2 -> incl r1' r1 -> incl w1' w1 -> incl r2' r2 -> incl w2' w2 ->
  apart r1' w1' r2' w2'.
Proof.
  intros H Hr1 Hw1 Hr2 Hw2 x. destruct (H x) as [H1 H2]. split.
  - intros Hx. destruct (H1 (Hw1 _ Hx)). split; auto.
  - intros Hx Hr. apply (H2 (Hw2 _ Hx)). auto.
Qed.

Lemma race_free_step s p l s' o :
  step s p l s' o -> race_free p -> match o with Go q => race_free q | Raise _ => True end.
Proof.
  induction 1; cbn in *; try tauto; try (destruct o; cbn in *; tauto).
  - intros (Hi & Hp & Hq). pose proof (reads_shrink _ _ _ _ _ H) as R.
    pose proof (writes_shrink _ _ _ _ _ H) as W. destruct o; cbn in *; [|exact I].
    split; [eapply apart_incl; eauto using incl_refl | auto].
  - intros (Hi & Hp & Hq). pose proof (reads_shrink _ _ _ _ _ H) as R.
    pose proof (writes_shrink _ _ _ _ _ H) as W. destruct o; cbn in *; [|exact I].
    split; [eapply apart_incl; eauto using incl_refl | auto].
  - intros [Hp Hh]. destruct o; cbn; [auto|]. destruct (catches c e); auto.
Qed.

Lemma contained_step s p l s' o :
  step s p l s' o -> contained p -> match o with Go q => contained q | Raise _ => True end.
Proof.
  induction 1; cbn in *; try tauto; try (destruct o; cbn in *; tauto).
  - intros ([Tp Tq] & Hp & Hq). pose proof (throws_shrink _ _ _ _ _ H) as T.
    destruct o; cbn in *; [|exact I]. rewrite Tp in T. apply incl_l_nil in T. auto.
  - intros ([Tp Tq] & Hp & Hq). pose proof (throws_shrink _ _ _ _ _ H) as T.
    destruct o; cbn in *; [|exact I]. rewrite Tq in T. apply incl_l_nil in T. auto.
  - intros [Hp Hh]. destruct o; cbn; [auto|]. destruct (catches c e); auto.
Qed.

(** ** A step depends on what the process reads, and changes what it writes *)

Lemma look_agrees env k s t p : agree (reads p) s t -> look env k s p = look env k t p.
Proof.
  revert env k. induction p; cbn; intros env k H; try reflexivity.
  - apply agree_app in H as [H1 H2]. rewrite (IHp1 env k H1).
    destruct (look env k t p1); auto.
  - apply agree_app in H as [H1 H2]. rewrite (IHp1 env _ H1), (IHp2 env _ H2). reflexivity.
  - apply agree_app in H as [H1 H2].
    rewrite (IHp1 (on_left env) _ H1), (IHp2 (on_right env) _ H2). reflexivity.
  - apply agree_app in H as [H0 H]. apply agree_app in H as [H1 H2].
    rewrite (holds_agrees _ _ _ H0). destruct (holds t b); auto.
  - apply agree_app in H as [H0 H]. rewrite (holds_agrees _ _ _ H0), (IHp env k H). reflexivity.
  - apply agree_app in H as [H1 _]. auto.
Qed.

Ltac four_parts := split; [|split; [|split]].

Lemma estep_elsewhere env k s p k' s' o :
  estep env k s p k' s' o ->
  exists v l, incl (effect_reads l) (reads p) /\ incl (effect_writes l) (writes p) /\
    s' = apply v l s /\
    forall t, agree (reads p) s t -> estep env k t p k' (apply v l t) o.
Proof.
  induction 1 as [env k s a | env k s a F | env k s a e F | env k s x e | env k s e
    | env k s p q k' s' o _ (v & l & Hr & Hw & E & K)
    | env k s p q k1 k' s' o L _ (v & l & Hr & Hw & E & K)
    | env k s p q k' s' o _ (v & l & Hr & Hw & E & K)
    | env k s p q k' s' o _ (v & l & Hr & Hw & E & K)
    | env k s p q k' s' o _ (v & l & Hr & Hw & E & K)
    | env k s b p q k' s' o _ (v & l & Hr & Hw & E & K)
    | env k s b p k' s' o B _ (v & l & Hr & Hw & E & K)
    | env k s b p k' B L
    | env k s p c h k' s' o _ (v & l & Hr & Hw & E & K)]; cbn.
  - exists 0, []. four_parts; cbn; auto using incl_nil_l with estep.
  - exists (result (answer env k)), (effect a). four_parts; auto using incl_refl with estep.
  - exists 0, []. four_parts; cbn; auto using incl_nil_l with estep.
  - exists 0, [(x, e)]. cbn. rewrite app_nil_r. four_parts; cbn; auto using incl_refl with estep.
  - exists 0, []. four_parts; cbn; auto using incl_nil_l with estep.
  - exists v, l. four_parts; auto using incl_appl.
    intros t Ht. apply agree_app in Ht as [H1 H2]. auto with estep.
  - exists v, l. four_parts; auto using incl_appr.
    intros t Ht. apply agree_app in Ht as [H1 H2].
    eapply estep_seq_second; [rewrite <- (look_agrees _ _ s); eassumption | auto].
  - exists v, l. unfold side in *. four_parts; auto.
    + destruct (picked _ _ _); auto using incl_appl, incl_appr.
    + destruct (picked _ _ _); auto using incl_appl, incl_appr.
    + intros t Ht. apply agree_app in Ht as [H1 H2]. apply estep_choice. unfold side.
      rewrite <- (look_agrees env (next k) s t p H1), <- (look_agrees env (next k) s t q H2).
      apply K. destruct (picked _ _ _); assumption.
  - exists v, l. four_parts; auto using incl_appl.
    intros t Ht. apply agree_app in Ht as [H1 H2]. auto with estep.
  - exists v, l. four_parts; auto using incl_appr.
    intros t Ht. apply agree_app in Ht as [H1 H2]. auto with estep.
  - exists v, l. four_parts; auto.
    + destruct (holds s b); auto using incl_appl, incl_appr.
    + destruct (holds s b); auto using incl_appl, incl_appr.
    + intros t Ht. apply agree_app in Ht as [H0 H]. apply agree_app in H as [H1 H2].
      apply estep_if. rewrite <- (holds_agrees _ _ _ H0). apply K.
      destruct (holds s b); assumption.
  - exists v, l. four_parts; auto using incl_appr.
    intros t Ht. apply agree_app in Ht as [H0 H1].
    apply estep_round; [rewrite <- (holds_agrees _ _ _ H0)|]; auto.
  - exists 0, []. four_parts; cbn; auto using incl_nil_l.
    intros t Ht. apply agree_app in Ht as [H0 H1]. eapply estep_again.
    + rewrite <- (holds_agrees _ _ _ H0). exact B.
    + rewrite <- (look_agrees _ _ s); eassumption.
  - exists v, l. four_parts; auto using incl_appl.
    intros t Ht. apply agree_app in Ht as [H1 H2]. auto with estep.
Qed.

(** Steps of independent branches can be taken in either order. *)
Lemma independent_steps env1 env2 k1 k2 s p q k1' k2' s1 s2 o1 o2 :
  independent p q -> estep env1 k1 s p k1' s1 o1 -> estep env2 k2 s q k2' s2 o2 ->
  exists s3, estep env1 k1 s2 p k1' s3 o1 /\ estep env2 k2 s1 q k2' s3 o2.
Proof.
  intros Hi Hp Hq.
  destruct (estep_elsewhere _ _ _ _ _ _ _ Hp) as (v & l & Hr & Hw & -> & Kp).
  destruct (estep_elsewhere _ _ _ _ _ _ _ Hq) as (w & m & Hr' & Hw' & -> & Kq).
  exists (apply v l (apply w m s)). split.
  - apply Kp. intros x Hx. symmetry. apply apply_other. intros Hm.
    destruct (Hi x) as [_ H]. exact (H (Hw' _ Hm) Hx).
  - rewrite apply_commutes; [|exact (apart_incl _ _ _ _ _ _ _ _ Hi Hr Hw Hr' Hw')].
    apply Kq. intros x Hx. symmetry. apply apply_other. intros Hm.
    destruct (Hi x) as [H _]. exact (proj1 (H (Hw _ Hm)) Hx).
Qed.

(** ** Two steps are one, or go together *)

Definition joined env k1 s1 o1 k2 s2 o2 : Prop :=
  exists p1 p2 k3 s3 p3, o1 = Go p1 /\ o2 = Go p2 /\
    estep env k1 s1 p1 k3 s3 (Go p3) /\ estep env k2 s2 p2 k3 s3 (Go p3).

Definition same_or_joined env k1 s1 o1 k2 s2 o2 : Prop :=
  (k1 = k2 /\ s1 = s2 /\ o1 = o2) \/ joined env k1 s1 o1 k2 s2 o2.

(** The rules by outcome, in the form in which the diamond needs them. *)
Lemma eseq_go env k s p q k' s' p' :
  estep env k s p k' s' (Go p') -> estep env k s (Seq p q) k' s' (Go (Seq p' q)).
Proof. exact (estep_seq_first env k s p q k' s' (Go p')). Qed.
Lemma etry_go env k s p c h k' s' p' :
  estep env k s p k' s' (Go p') -> estep env k s (Try p c h) k' s' (Go (Try p' c h)).
Proof. exact (estep_try env k s p c h k' s' (Go p')). Qed.
Lemma epar_left env n l r s p q l' s' p' :
  estep (on_left env) l s p l' s' (Go p') ->
  estep env (Counts n l r) s (Par p q) (Counts n l' r) s' (Go (Par p' q)).
Proof. exact (estep_par_left env (Counts n l r) s p q l' s' (Go p')). Qed.
Lemma epar_right env n l r s p q r' s' q' :
  estep (on_right env) r s q r' s' (Go q') ->
  estep env (Counts n l r) s (Par p q) (Counts n l r') s' (Go (Par p q')).
Proof. exact (estep_par_right env (Counts n l r) s p q r' s' (Go q')). Qed.

(** A branch that throws nothing goes on. *)
Lemma no_raise env k s p k' s' o :
  throws p = [] -> estep env k s p k' s' o -> exists q, o = Go q.
Proof.
  intros T H. destruct (environment_steps _ _ _ _ _ _ _ H) as [l Hs].
  pose proof (throws_shrink _ _ _ _ _ Hs) as K. destruct o as [q | e]; [eauto|].
  rewrite T in K. destruct K.
Qed.

Lemma joined_seq env k1 s1 o1 k2 s2 o2 q :
  same_or_joined env k1 s1 o1 k2 s2 o2 ->
  same_or_joined env k1 s1 (before o1 q) k2 s2 (before o2 q).
Proof.
  intros [(-> & -> & ->) | (p1 & p2 & k3 & s3 & p3 & -> & -> & H1 & H2)]; [left; auto|].
  right. exists (Seq p1 q), (Seq p2 q), k3, s3, (Seq p3 q). auto using eseq_go.
Qed.

Lemma joined_try env k1 s1 o1 k2 s2 o2 c h :
  same_or_joined env k1 s1 o1 k2 s2 o2 ->
  same_or_joined env k1 s1 (guarded o1 c h) k2 s2 (guarded o2 c h).
Proof.
  intros [(-> & -> & ->) | (p1 & p2 & k3 & s3 & p3 & -> & -> & H1 & H2)]; [left; auto|].
  right. exists (Try p1 c h), (Try p2 c h), k3, s3, (Try p3 c h). auto using etry_go.
Qed.

(** Where control is known, so is the rule: what ends takes no step. *)
Ltac one_rule :=
  match goal with
  | H : estep ?env ?k ?s ?p _ _ _, L : look ?env ?k ?s ?p = Ends _ |- _ =>
      pose proof (estep_moves _ _ _ _ _ _ _ H); congruence
  end.

(** Takes a step of [p || q] apart; the step of the branch that it consists of is [Branch]. *)
Ltac branch_of H2 H1 :=
  inversion H2; subst; clear H2;
  match goal with
  | K : estep _ _ _ _ _ _ _ |- _ => tryif constr_eq K H1 then fail else rename K into Branch
  end.

Lemma diamond env k s p k1 s1 o1 k2 s2 o2 :
  race_free p -> contained p ->
  estep env k s p k1 s1 o1 -> estep env k s p k2 s2 o2 ->
  same_or_joined env k1 s1 o1 k2 s2 o2.
Proof.
  intros R C H1. revert R C k2 s2 o2.
  induction H1; cbn; intros R C k2 s2 o2 H2;
    try (inversion H2; subst; try congruence; left; split; [|split]; congruence; fail).
  - (* sequence, first part *)
    inversion H2; subst; [apply joined_seq; apply IHestep; tauto | one_rule].
  - (* sequence, second part *)
    inversion H2; subst; [one_rule|].
    assert (k1 = k3) as <- by congruence. apply IHestep; tauto.
  - (* choice *)
    inversion H2; subst. unfold side in *. apply IHestep; [..|assumption];
      destruct (picked _ _ _); tauto.
  - (* parallel, left *)
    destruct R as (Hi & Rp & Rq), C as ([Tp Tq] & Cp & Cq).
    destruct (no_raise _ _ _ _ _ _ _ Tp H1) as [p' ->].
    branch_of H2 H1.
    + destruct (IHestep Rp Cp _ _ _ Branch)
        as [(-> & -> & <-) | (x & y & k3 & s3 & z & Ex & -> & K1 & K2)]; [left; auto|].
      injection Ex as <-. right.
      exists (Par p' q), (Par y q), (with_left k k3), s3, (Par z q).
      repeat split; apply epar_left; assumption.
    + destruct (no_raise _ _ _ _ _ _ _ Tq Branch) as [q' ->].
      destruct (independent_steps _ _ _ _ _ _ _ _ _ _ _ _ _ Hi H1 Branch) as (s3 & K1 & K2).
      right. exists (Par p' q), (Par p q'), (Counts (here k) l r), s3, (Par p' q').
      repeat split; [apply epar_right | apply epar_left]; assumption.
  - (* parallel, right *)
    destruct R as (Hi & Rp & Rq), C as ([Tp Tq] & Cp & Cq).
    destruct (no_raise _ _ _ _ _ _ _ Tq H1) as [q' ->].
    branch_of H2 H1.
    + destruct (no_raise _ _ _ _ _ _ _ Tp Branch) as [p' ->].
      destruct (independent_steps _ _ _ _ _ _ _ _ _ _ _ _ _ Hi Branch H1) as (s3 & K1 & K2).
      right. exists (Par p q'), (Par p' q), (Counts (here k) l r), s3, (Par p' q').
      repeat split; [apply epar_left | apply epar_right]; assumption.
    + destruct (IHestep Rq Cq _ _ _ Branch)
        as [(-> & -> & <-) | (x & y & k3 & s3 & z & Ex & -> & K1 & K2)]; [left; auto|].
      injection Ex as <-. right.
      exists (Par p q'), (Par p y), (with_right k k3), s3, (Par p z).
      repeat split; apply epar_right; assumption.
  - (* if *)
    inversion H2; subst. apply IHestep; [..|assumption]; destruct (holds s b); tauto.
  - (* while, a step of the round *)
    inversion H2; subst; [apply joined_seq; apply IHestep; assumption | one_rule].
  - (* while, a round without a step *)
    inversion H2; subst; [one_rule | left; split; [congruence | auto]].
  - (* try *)
    inversion H2; subst. apply joined_try. apply IHestep; tauto.
Qed.

(** ** Runs to the end *)

Inductive ending := Completed (s : store) | Aborted (e : error) (s : store).

(** A run of [n] steps that ends so. *)
Inductive finishes (env : environment) : nat -> counts -> store -> proc -> ending -> Prop :=
| finishes_ends k s p k' :
    look env k s p = Ends k' -> finishes env 0 k s p (Completed s)
| finishes_aborts k s p k' s' e :
    estep env k s p k' s' (Raise e) -> finishes env 1 k s p (Aborted e s')
| finishes_on n k s p k' s' q r :
    estep env k s p k' s' (Go q) -> finishes env n k' s' q r -> finishes env (S n) k s p r.

(** Whatever step is taken, the run can still end, and ends as it would have. *)
Lemma any_step_leads_there env n k s p r k' s' o :
  race_free p -> contained p -> finishes env n k s p r -> estep env k s p k' s' o ->
  match o with
  | Go q => exists m, n = S m /\ finishes env m k' s' q r
  | Raise e => n = 1 /\ r = Aborted e s'
  end.
Proof.
  revert k s p r k' s' o. induction n as [n IH] using lt_wf_ind.
  intros k s p r k2 s2 o2 R C F H2.
  destruct F as [k s p k' L | k s p k' s' e H1 | n k s p k' s' q r H1 F].
  - pose proof (estep_moves _ _ _ _ _ _ _ H2). congruence.
  - destruct (diamond _ _ _ _ _ _ _ _ _ _ R C H1 H2)
      as [(-> & -> & <-) | (x & y & k3 & s3 & z & D & _)]; [auto | discriminate].
  - destruct (diamond _ _ _ _ _ _ _ _ _ _ R C H1 H2)
      as [(-> & -> & <-) | (x & y & k3 & s3 & z & D & -> & K1 & K2)]; [eauto|].
    injection D as <-. exists n. split; [reflexivity|].
    destruct (environment_steps _ _ _ _ _ _ _ H1) as [l Hs].
    destruct (IH n (le_n _) _ _ _ _ _ _ _ (race_free_step _ _ _ _ _ Hs R)
      (contained_step _ _ _ _ _ Hs C) F K1) as (m & -> & F3).
    eapply finishes_on; eassumption.
Qed.

(** Theorem 1: all runs that end, end alike. *)
Theorem deterministic env k s p n r m r' :
  race_free p -> contained p ->
  finishes env n k s p r -> finishes env m k s p r' -> n = m /\ r = r'.
Proof.
  intros R C F. revert k s p r m r' R C F. induction n as [n IH] using lt_wf_ind.
  intros k s p r m r' R C F G.
  destruct G as [k s p k' L | k s p k' s' e H | m k s p k' s' q r' H G].
  - destruct F as [k s p k1 L1 | k s p k1 s1 e H1 | n k s p k1 s1 q r H1 F]; auto;
      pose proof (estep_moves _ _ _ _ _ _ _ H1); congruence.
  - exact (any_step_leads_there _ _ _ _ _ _ _ _ _ R C F H).
  - destruct (any_step_leads_there _ _ _ _ _ _ _ _ _ R C F H) as (n' & -> & F').
    destruct (environment_steps _ _ _ _ _ _ _ H) as [l Hs].
    destruct (IH n' (le_n _) _ _ _ _ _ _ (race_free_step _ _ _ _ _ Hs R)
      (contained_step _ _ _ _ _ Hs C) F' G) as [-> ->]. auto.
Qed.

(** Some steps of a run. *)
Inductive goes (env : environment) :
  nat -> counts -> store -> proc -> counts -> store -> proc -> Prop :=
| goes_nowhere k s p : goes env 0 k s p k s p
| goes_on n k s p k1 s1 q k2 s2 r :
    estep env k s p k1 s1 (Go q) -> goes env n k1 s1 q k2 s2 r -> goes env (S n) k s p k2 s2 r.

(** And if one run ends, none gets stuck on its way, fails otherwise, or goes on for ever. *)
Theorem one_ends_all_end env n k s p r m k' s' q :
  race_free p -> contained p ->
  finishes env n k s p r -> goes env m k s p k' s' q ->
  exists left_over, n = m + left_over /\ finishes env left_over k' s' q r.
Proof.
  intros R C F G. revert n R C F. induction G as [k s p | m k s p k1 s1 q k2 s2 x H G IH];
    intros n R C F; [exists n; auto|].
  destruct (any_step_leads_there _ _ _ _ _ _ _ _ _ R C F H) as (n' & -> & F').
  destruct (environment_steps _ _ _ _ _ _ _ H) as [l Hs].
  destruct (IH n' (race_free_step _ _ _ _ _ Hs R) (contained_step _ _ _ _ _ Hs C) F')
    as (d & -> & F2). exists d. auto.
Qed.

(** ** The conditions are needed *)

Definition some_environment : environment :=
  fun _ _ => {| takes_left := true; result := 0; failure := None |}.

(** Two branches write one variable: the order decides. *)
Theorem races_decide :
  exists env s p n m r r', contained p /\
    finishes env n Zero s p r /\ finishes env m Zero s p r' /\ r <> r'.
Proof.
  exists some_environment, [0], (Par (Assign 0 (Const 1)) (Assign 0 (Const 2))), 2, 2,
    (Completed [2]), (Completed [1]).
  split; [cbn; auto|]. split; [|split; [|discriminate]].
  - eapply finishes_on; [exact (estep_par_left _ _ _ _ _ _ _ _ (estep_assign _ _ _ _ _))|].
    eapply finishes_on; [exact (estep_par_right _ _ _ _ _ _ _ _ (estep_assign _ _ _ _ _))|].
    apply (finishes_ends _ _ _ _ (Counts 0 Zero Zero)). reflexivity.
  - eapply finishes_on; [exact (estep_par_right _ _ _ _ _ _ _ _ (estep_assign _ _ _ _ _))|].
    eapply finishes_on; [exact (estep_par_left _ _ _ _ _ _ _ _ (estep_assign _ _ _ _ _))|].
    apply (finishes_ends _ _ _ _ (Counts 0 Zero Zero)). reflexivity.
Qed.

(** Two branches fail: who is first decides, without any race. *)
Theorem failures_decide :
  exists env s p n m r r', race_free p /\
    finishes env n Zero s p r /\ finishes env m Zero s p r' /\ r <> r'.
Proof.
  exists some_environment, [], (Par (Fail 0) (Fail 1)), 1, 1, (Aborted 0 []), (Aborted 1 []).
  split; [cbn; repeat split; cbn in *; tauto|]. split; [|split; [|discriminate]].
  - eapply finishes_aborts. exact (estep_par_left _ _ _ _ _ _ _ _ (estep_fail _ _ _ _)).
  - eapply finishes_aborts. exact (estep_par_right _ _ _ _ _ _ _ _ (estep_fail _ _ _ _)).
Qed.
