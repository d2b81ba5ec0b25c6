(** * Parts that touch nothing of each other's: the same outcome in any order

    An outcome is how a whole workflow can end: completed or failed with an error, and with which
    data.  That it may get stuck or go on for ever is no outcome. *)

From Theory Require Export LawsTry LawsParallel Footprints.

Inductive comes : store -> proc -> store -> proc -> Prop :=
| comes_here s p : comes s p s p
| comes_on s p l s1 p1 s' p' :
    step s p l s1 (Go p1) -> comes s1 p1 s' p' -> comes s p s' p'.

#[local] Hint Constructors comes : core.

Definition completes (s : store) (p : proc) (s' : store) : Prop :=
  exists p', comes s p s' p' /\ ends s' p' = true.
Definition aborts (s : store) (p : proc) (e : error) (s' : store) : Prop :=
  exists s1 p1 l, comes s p s1 p1 /\ step s1 p1 l s' (Raise e).

Definition same_outcomes (p q : proc) : Prop :=
  (forall s s', completes s p s' <-> completes s q s') /\
  (forall s e s', aborts s p e s' <-> aborts s q e s').

#[export] Instance same_outcomes_equivalence : Equivalence same_outcomes.
Proof.
  split.
  - intros p; split; reflexivity.
  - intros p q [H K]; split; intros; symmetry; auto.
  - intros p q r [H K] [H' K']; split; intros; etransitivity; eauto.
Qed.

Lemma bisimilar_comes p q s s' p' :
  p ~~ q -> comes s p s' p' -> exists q', comes s q s' q' /\ p' ~~ q'.
Proof.
  intros B H. revert q B. induction H as [| s p l s1 p1 s' p' Hs Hc IH]; intros q B; [eauto|].
  destruct (bisimilar_matched _ _ B) as (_ & A & _).
  destruct (A _ _ _ _ Hs) as ([q1 | e] & Hq & R); cbn in R; [|tauto].
  destruct (IH _ R) as (q' & ? & ?). eauto.
Qed.

Lemma bisimilar_outcome p q : p ~~ q ->
  (forall s s', completes s p s' -> completes s q s') /\
  (forall s e s', aborts s p e s' -> aborts s q e s').
Proof.
  intros B. split.
  - intros s s' (p' & C & E). destruct (bisimilar_comes _ _ _ _ _ B C) as (q' & D & B').
    exists q'. destruct (bisimilar_matched _ _ B') as (Es & _). rewrite <- Es. auto.
  - intros s e s' (s1 & p1 & l & C & Hs).
    destruct (bisimilar_comes _ _ _ _ _ B C) as (q1 & D & B').
    destruct (bisimilar_matched _ _ B') as (_ & A & _).
    destruct (A _ _ _ _ Hs) as ([x | f] & Hq & R); cbn in R; [tauto | subst].
    exists s1, q1, l. auto.
Qed.

Lemma bisimilar_same_outcomes p q : p ~~ q -> same_outcomes p q.
Proof.
  intros B. destruct (bisimilar_outcome _ _ B), (bisimilar_outcome _ _ (symmetry B)).
  split; split; auto.
Qed.

(** ** Steps of independent parts change places *)

Lemma independent_sym p q : independent p q -> independent q p.
Proof.
  intros H x. destruct (H x) as [H1 H2]. split; [|intros Hx; apply H1, Hx].
  intros Hx. split; [auto|]. intros Hw. exact (proj2 (H1 Hw) Hx).
Qed.

Lemma independent_step s p l s' p' q :
  step s p l s' (Go p') -> independent p q -> independent p' q.
Proof.
  intros Hs H x. pose proof (reads_shrink _ _ _ _ _ Hs) as R.
  pose proof (writes_shrink _ _ _ _ _ Hs) as W. cbn in R, W.
  destruct (H x) as [H1 H2]. split; [auto | intros Hx Hr; exact (H2 Hx (R _ Hr))].
Qed.

Lemma ends_agrees s t p : agree (reads p) s t -> ends s p = ends t p.
Proof.
  induction p; cbn; intros H; try reflexivity;
    repeat match goal with K : agree (_ ++ _) _ _ |- _ => apply agree_app in K as [? ?] end;
    try (rewrite IHp1, IHp2 by assumption; reflexivity); auto.
  - rewrite IHp1, IHp2, (holds_agrees b s t) by assumption. reflexivity.
  - rewrite (holds_agrees b s t) by assumption. reflexivity.
Qed.

Lemma step_elsewhere s p l s' o :
  step s p l s' o ->
  exists v u, incl (effect_reads u) (reads p) /\ incl (effect_writes u) (writes p) /\
    s' = apply v u s /\ forall t, agree (reads p) s t -> step t p l (apply v u t) o.
Proof.
  assert (nothing : forall s p l o, (forall t, agree (reads p) s t -> step t p l t o) ->
    exists v u, incl (effect_reads u) (reads p) /\ incl (effect_writes u) (writes p) /\
      s = apply v u s /\ forall t, agree (reads p) s t -> step t p l (apply v u t) o).
  { intros s0 p0 l0 o0 H. exists 0, []. cbn. auto using incl_nil_l. }
  induction 1; try (apply nothing; intros t Ht; auto with step; fail);
    try destruct IHstep as (v' & u & Hr & Hw & -> & K).
  - exists v, (effect a). split; [|split; [|split]]; auto using incl_refl with step.
  - exists 0, [(x, e)]. cbn. rewrite app_nil_r. split; [|split; [|split]]; auto using incl_refl.
    intros t _. apply step_assign.
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appl.
    intros t Ht. apply agree_app in Ht as [A1 A2]. auto with step.
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appr.
    intros t Ht. apply agree_app in Ht as [A1 A2].
    apply step_seq_second; [rewrite <- (ends_agrees s) by assumption; assumption | auto].
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appl.
    intros t Ht. apply agree_app in Ht as [A1 A2]. auto with step.
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appr.
    intros t Ht. apply agree_app in Ht as [A1 A2]. auto with step.
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appl.
    intros t Ht. apply agree_app in Ht as [A1 A2]. auto with step.
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appr.
    intros t Ht. apply agree_app in Ht as [A1 A2]. auto with step.
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appl, incl_appr.
    intros t Ht. apply agree_app in Ht as [A0 Ht]. apply agree_app in Ht as [A1 A2].
    apply step_then; [rewrite <- (holds_agrees b s) by assumption; assumption | auto].
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appl, incl_appr.
    intros t Ht. apply agree_app in Ht as [A0 Ht]. apply agree_app in Ht as [A1 A2].
    apply step_else; [rewrite <- (holds_agrees b s) by assumption; assumption | auto].
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appr.
    intros t Ht. apply agree_app in Ht as [A0 A1].
    apply step_round; [rewrite <- (holds_agrees b s) by assumption; assumption | auto].
  - apply nothing. cbn. intros t Ht. apply agree_app in Ht as [A1 A2]. apply step_again.
    + rewrite <- (holds_agrees b s) by assumption; assumption.
    + rewrite <- (ends_agrees s) by assumption; assumption.
  - exists v', u. split; [|split; [|split]]; cbn; auto using incl_appl.
    intros t Ht. apply agree_app in Ht as [A1 A2]. auto with step.
Qed.

Lemma unread (p q : proc) u v s :
  independent p q -> incl (effect_writes u) (writes p) -> agree (reads q) s (apply v u s).
Proof.
  intros H W x Hx. symmetry. apply apply_other. intros Hu.
  exact (proj1 (proj1 (H x) (W _ Hu)) Hx).
Qed.

Lemma steps_swap s q l s1 o p m s2 o2 :
  independent p q -> step s q l s1 o -> step s1 p m s2 o2 ->
  exists s3, step s p m s3 o2 /\ step s3 q l s2 o.
Proof.
  intros H Hq Hp.
  destruct (step_elsewhere _ _ _ _ _ Hq) as (v & u & Rq & Wq & -> & Kq).
  destruct (step_elsewhere _ _ _ _ _ Hp) as (w & z & Rp & Wp & -> & Kp).
  pose proof (independent_sym _ _ H) as H'.
  exists (apply w z s). split.
  - apply Kp. intros x Hx. symmetry. exact (unread q p u v s H' Wq x Hx).
  - rewrite apply_commutes.
    + apply Kq. exact (unread p q z w s H Wp).
    + intros x. destruct (H x) as [H1 H2]. split.
      * intros Hx. destruct (H1 (Wp _ Hx)). split; auto.
      * intros Hx Hr. exact (H2 (Wq _ Hx) (Rp _ Hr)).
Qed.

(** ** Parallel: first the one, then the other *)

Lemma step_later s q l s0 q1 p s1 p' :
  independent p q -> step s q l s0 (Go q1) -> comes s0 p s1 p' ->
  exists s2, comes s p s2 p' /\ step s2 q l s1 (Go q1).
Proof.
  intros H Hq C. revert s H Hq. induction C as [s0 p | s0 p m s3 p3 s1 p' Hp C IH]; intros s H Hq.
  - eauto.
  - destruct (steps_swap _ _ _ _ _ _ _ _ _ H Hq Hp) as (s4 & Hp' & Hq').
    destruct (IH s4 (independent_step _ _ _ _ _ _ Hp H) Hq') as (s2 & C2 & Hq2). eauto.
Qed.

Lemma par_comes s p q s' x :
  independent p q -> comes s (Par p q) s' x ->
  exists s1 p' q', x = Par p' q' /\ comes s p s1 p' /\ comes s1 q s' q'.
Proof.
  intros H C. remember (Par p q) as y eqn:E. revert p q E H.
  induction C as [s y | s y l s1 y1 s' x Hs C IH]; intros p q -> H; [eauto 7|].
  invert_step; destruct o as [z | e]; cbn in *; try discriminate;
    match goal with E : Go _ = Go _ |- _ => injection E as <- end.
  - destruct (IH _ _ eq_refl (independent_step _ _ _ _ _ _ ltac:(eassumption) H))
      as (s2 & p' & q' & -> & C1 & C2). eauto 9.
  - pose proof (independent_sym _ _ H) as H'.
    pose proof (independent_sym _ _ (independent_step _ _ _ _ _ _ ltac:(eassumption) H')) as H2.
    destruct (IH _ _ eq_refl H2) as (s2 & p' & q' & -> & C1 & C2).
    destruct (step_later _ _ _ _ _ _ _ _ H ltac:(eassumption) C1) as (s3 & C3 & Hq). eauto 9.
Qed.

Lemma comes_par s p q s1 p' s' q' :
  comes s p s1 p' -> comes s1 q s' q' -> comes s (Par p q) s' (Par p' q').
Proof.
  induction 1 as [s p | s p l s2 p2 s1 p' Hs C IH].
  - induction 1 as [s q | s q l s2 q2 s' q' Hs C IH]; [auto|].
    eapply comes_on; [apply par_right_go; exact Hs | exact IH].
  - intros C2. eapply comes_on; [apply par_left_go; exact Hs | auto].
Qed.

Lemma comes_seq s p q s' x :
  comes s (Seq p q) s' x ->
  (exists p', x = Seq p' q /\ comes s p s' p') \/
  (exists s1 p', comes s p s1 p' /\ ends s1 p' = true /\ comes s1 q s' x).
Proof.
  intros C. remember (Seq p q) as y eqn:E. revert p E.
  induction C as [s y | s y l s1 y1 s' x Hs C IH]; intros p ->; [eauto|].
  invert_step.
  - destruct o as [z | e]; cbn in *; try discriminate.
    match goal with E : Go _ = Go _ |- _ => injection E as <- end.
    destruct (IH _ eq_refl) as [(p' & -> & C1) | (s2 & p' & C1 & E1 & C2)]; [left | right]; eauto 7.
  - right. eauto 8.
Qed.

Lemma seq_comes s p q s1 p' : comes s p s1 p' -> comes s (Seq p q) s1 (Seq p' q).
Proof. induction 1; [auto|]. eapply comes_on; [apply seq_first_go; eassumption | assumption]. Qed.

Lemma completes_seq s p q s' :
  completes s (Seq p q) s' <-> exists s1, completes s p s1 /\ completes s1 q s'.
Proof.
  split.
  - intros (x & C & E). destruct (comes_seq _ _ _ _ _ C)
      as [(p' & -> & C1) | (s1 & p' & C1 & E1 & C2)].
    + cbn in E. apply andb_prop in E as [E1 E2]. exists s'. split; [exists p' | exists q]; auto.
    + exists s1. split; [exists p' | exists x]; auto.
  - intros (s1 & (p' & C1 & E1) & (q' & C2 & E2)). destruct C2 as [s1 q | s1 q l s2 q2 s' q' Hs C2].
    + exists (Seq p' q). split; [apply seq_comes; exact C1 | cbn; rewrite E1, E2; reflexivity].
    + exists q'. split; [|exact E2].
      assert (T : forall a b c d e f, comes a b c d -> comes c d e f -> comes a b e f)
        by (induction 1; eauto).
      eapply T; [apply seq_comes; exact C1|].
      eapply comes_on; [apply step_seq_second; eassumption | exact C2].
Qed.

Lemma comes_writes s p s' p' x :
  comes s p s' p' -> ~ In x (writes p) -> read s' x = read s x.
Proof.
  induction 1 as [| s p l s1 p1 s' p' Hs C IH]; intros Hx; [reflexivity|].
  rewrite IH.
  - destruct (step_elsewhere _ _ _ _ _ Hs) as (v & u & _ & W & -> & _).
    apply apply_other. auto.
  - intros H. apply Hx. exact (writes_shrink _ _ _ _ _ Hs x H).
Qed.

Lemma comes_reads s p s' p' : comes s p s' p' -> incl (reads p') (reads p).
Proof.
  induction 1 as [| s p l s1 p1 s' p' Hs C IH]; [apply incl_refl|].
  intros x Hx. exact (reads_shrink _ _ _ _ _ Hs x (IH x Hx)).
Qed.

Lemma ended_stays s p s1 p' q s' q' :
  independent p q -> comes s p s1 p' -> comes s1 q s' q' -> ends s1 p' = ends s' p'.
Proof.
  intros H C1 C2. apply ends_agrees. intros x Hx. symmetry. apply (comes_writes _ _ _ _ _ C2).
  intros Hw. destruct (H x) as [_ K]. exact (K Hw (comes_reads _ _ _ _ C1 x Hx)).
Qed.

Lemma completes_par s p q s' :
  independent p q -> completes s (Par p q) s' <-> completes s (Seq p q) s'.
Proof.
  intros H. rewrite completes_seq. split.
  - intros (x & C & E). destruct (par_comes _ _ _ _ _ H C) as (s1 & p' & q' & -> & C1 & C2).
    cbn in E. apply andb_prop in E as [E1 E2].
    exists s1. split; [exists p' | exists q']; split; auto.
    rewrite (ended_stays _ _ _ _ _ _ _ H C1 C2). exact E1.
  - intros (s1 & (p' & C1 & E1) & (q' & C2 & E2)). exists (Par p' q').
    split; [eapply comes_par; eassumption|].
    cbn. rewrite <- (ended_stays _ _ _ _ _ _ _ H C1 C2), E1, E2. reflexivity.
Qed.

(** ** The laws *)

Lemma reaches_seq p q r :
  reaches (Seq p q) r -> (exists p', r = Seq p' q /\ reaches p p') \/ reaches q r.
Proof.
  intros H. remember (Seq p q) as x eqn:E. revert p E.
  induction H as [x | x s l s' y r Hs Hr IH]; intros p ->; [left; eauto using reaches|].
  invert_step.
  - destruct o; cbn in *; try discriminate.
    match goal with E : Go _ = Go _ |- _ => injection E as <- end.
    destruct (IH _ eq_refl) as [(p' & -> & H) | H]; [left | right]; eauto using reaches.
  - right. eauto using reaches.
Qed.

Lemma never_throws_seq p q : never_throws p -> never_throws q -> never_throws (Seq p q).
Proof.
  intros Hp Hq r Hr s l s' e Hs. destruct (reaches_seq _ _ _ Hr) as [(p' & -> & Rp) | Rq].
  - inversion Hs; subst; clear Hs.
    + destruct o; cbn in *; try discriminate. eapply Hp; eauto.
    + eapply Hq; [constructor | eassumption].
  - eapply Hq; eauto.
Qed.

Lemma comes_reaches s p s' p' : comes s p s' p' -> reaches p p'.
Proof. induction 1; eauto using reaches. Qed.

Lemma never_aborts p s e s' : never_throws p -> ~ aborts s p e s'.
Proof. intros H (s1 & p1 & l & C & Hs). eapply H; eauto using comes_reaches. Qed.

Lemma same_outcomes_by p q :
  never_throws p -> never_throws q ->
  (forall s s', completes s p s' <-> completes s q s') -> same_outcomes p q.
Proof.
  intros Hp Hq H. split; [exact H|].
  intros s e s'; split; intros K; exfalso;
    [exact (never_aborts _ _ _ _ Hp K) | exact (never_aborts _ _ _ _ Hq K)].
Qed.

Theorem par_seq_outcomes p q :
  independent p q -> never_throws p -> never_throws q -> same_outcomes (Par p q) (Seq p q).
Proof.
  intros H Hp Hq. apply same_outcomes_by;
    auto using never_throws_par, never_throws_seq, completes_par.
Qed.

Theorem seq_commute_outcomes p q :
  independent p q -> never_throws p -> never_throws q -> same_outcomes (Seq p q) (Seq q p).
Proof.
  intros H Hp Hq. rewrite <- !par_seq_outcomes; auto using independent_sym.
  apply bisimilar_same_outcomes, par_comm.
Qed.

Lemma reaches_choice p q r : reaches (Choice p q) r -> r = Choice p q \/ reaches p r \/ reaches q r.
Proof.
  inversion 1; subst; [auto|]. invert_step; right; [left | right]; eauto using reaches.
Qed.

Lemma never_throws_choice p q : never_throws p -> never_throws q -> never_throws (Choice p q).
Proof.
  intros Hp Hq r Hr. destruct (reaches_choice _ _ _ Hr) as [-> | [H | H]];
    [| exact (Hp r H) | exact (Hq r H)].
  intros s l s' e Hs. invert_step;
    [eapply (never_throws_now p) | eapply (never_throws_now q)]; eauto.
Qed.

Lemma completes_choice s p q s' :
  completes s (Choice p q) s' <-> completes s p s' \/ completes s q s'.
Proof.
  split.
  - intros (x & C & E). inversion C; subst.
    + cbn in E. apply orb_prop in E as [E | E]; [left | right]; eexists; eauto.
    + invert_step; [left | right]; eexists; eauto.
  - intros [(x & C & E) | (x & C & E)]; (inversion C; subst;
      [eexists; split; [apply comes_here | cbn; rewrite E, ?orb_true_r; reflexivity]
      | exists x; eauto with step]).
Qed.

Theorem par_expand_outcomes p q :
  independent p q -> never_throws p -> never_throws q ->
  same_outcomes (Par p q) (Choice (Seq p q) (Seq q p)).
Proof.
  intros H Hp Hq. apply same_outcomes_by;
    auto using never_throws_par, never_throws_seq, never_throws_choice.
  intros s s'. rewrite completes_choice, completes_par by assumption.
  rewrite (proj1 (seq_commute_outcomes p q H Hp Hq) s s'). tauto.
Qed.

Lemma stuck_never_completes s s' : ~ completes s Stuck s'.
Proof. intros (x & C & E). inversion C; subst; [discriminate | invert_step]. Qed.

(** Nothing is left of [p] that could be seen in the end. *)
Theorem seq_stuck_right_outcomes p : never_throws p -> same_outcomes (Seq p Stuck) Stuck.
Proof.
  intros Hp. assert (K : never_throws Stuck).
  { intros q Hq s l s' e Hs. inversion Hq; subst; invert_step. }
  apply same_outcomes_by; auto using never_throws_seq.
  intros s s'. rewrite completes_seq. split.
  - intros (s1 & _ & H). exfalso. eapply stuck_never_completes; exact H.
  - intros H. exfalso. eapply stuck_never_completes; exact H.
Qed.
