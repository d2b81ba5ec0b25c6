(** * Laws of a whole workflow: what nobody else can disturb

    Some laws need to know what the data are, or that parts do not touch each other's data.  They
    hold of runs from a store to the end, and not inside [||] with others. *)

From Theory Require Export Runs Footprints.

(** ** Bisimulation in a store that only the process changes *)

Lemma same_runs_by (R : store -> proc -> proc -> Prop) :
  (forall s p q, R s p q -> ends s p = ends s q) ->
  (forall s p q, R s p q -> forall l s' o, step s p l s' o ->
     exists o', step s q l s' o' /\ related (R s') o o') ->
  (forall s p q, R s p q -> forall l s' o, step s q l s' o ->
     exists o', step s p l s' o' /\ related (R s') o' o) ->
  forall p q, (forall s, R s p q) -> p =r= q.
Proof.
  intros HE HS HT p q H s t.
  assert (K : forall s p t, run s p t -> forall q,
    (R s p q -> run s q t) /\ (R s q p -> run s q t)).
  { clear - HE HS HT. induction 1 as [| s p He | s p l s' x t Hs Hr IH | s p l s' e Hs
      | s p l s' e Hs]; intros q; (split; intros H).
    - constructor.
    - constructor.
    - constructor. rewrite <- (HE _ _ _ H). exact He.
    - constructor. rewrite (HE _ _ _ H). exact He.
    - destruct (HS _ _ _ H _ _ _ Hs) as ([y | e] & Hy & Hxy); cbn in Hxy; [|tauto].
      eapply run_go; [exact Hy | exact (proj1 (IH y) Hxy)].
    - destruct (HT _ _ _ H _ _ _ Hs) as ([y | e] & Hy & Hxy); cbn in Hxy; [|tauto].
      eapply run_go; [exact Hy | exact (proj2 (IH y) Hxy)].
    - destruct (HS _ _ _ H _ _ _ Hs) as ([y | e'] & Hy & Hxy); cbn in Hxy; [tauto | subst].
      apply run_raise; exact Hy.
    - destruct (HT _ _ _ H _ _ _ Hs) as ([y | e'] & Hy & Hxy); cbn in Hxy; [tauto | subst].
      apply run_raise; exact Hy.
    - destruct (HS _ _ _ H _ _ _ Hs) as ([y | e'] & Hy & Hxy); cbn in Hxy; [tauto | subst].
      eapply run_raised; exact Hy.
    - destruct (HT _ _ _ H _ _ _ Hs) as ([y | e'] & Hy & Hxy); cbn in Hxy; [tauto | subst].
      eapply run_raised; exact Hy. }
  split; intros Ht; [exact (proj1 (K _ _ _ Ht q) (H s)) | exact (proj2 (K _ _ _ Ht p) (H s))].
Qed.

(** ** A step writes what the process writes *)

Definition keeps (b : expr) (p : proc) : Prop := forall x, In x (writes p) -> ~ In x (variables b).

Lemma step_writes s p l s' o x : step s p l s' o -> ~ In x (writes p) -> read s' x = read s x.
Proof.
  induction 1; cbn; intros Hx; try reflexivity;
    try (apply IHstep; repeat rewrite in_app_iff in Hx; tauto).
  - apply apply_other. exact Hx.
  - apply read_write_other. tauto.
Qed.

Lemma keeps_test s p l s' o b : step s p l s' o -> keeps b p -> holds s' b = holds s b.
Proof.
  intros Hs Hk. apply holds_agrees. intros x Hx.
  eapply step_writes; [exact Hs|]. intros Hw. exact (Hk x Hw Hx).
Qed.

Lemma keeps_step s p l s' q b : step s p l s' (Go q) -> keeps b p -> keeps b q.
Proof. intros Hs Hk x Hx. apply Hk. exact (writes_shrink _ _ _ _ _ Hs x Hx). Qed.

(** ** A test may be asked earlier, if nobody changes it *)

Inductive asked_early (b : expr) (q r : proc) : store -> proc -> proc -> Prop :=
| asked_same s p : asked_early b q r s p p
| asked_first s p : keeps b p ->
    asked_early b q r s (Seq p (If b q r)) (If b (Seq p q) (Seq p r))
| asked_yes s p : keeps b p -> holds s b = true ->
    asked_early b q r s (Seq p (If b q r)) (Seq p q)
| asked_no s p : keeps b p -> holds s b = false ->
    asked_early b q r s (Seq p (If b q r)) (Seq p r).

Lemma asked_later b q r s p l s' o c :
  keeps b p -> step s p l s' o -> holds s b = c ->
  related (asked_early b q r s') (before o (If b q r)) (before o (if c then q else r)).
Proof.
  intros Hk Hs Hb. pose proof (keeps_test _ _ _ _ _ _ Hs Hk) as E. rewrite Hb in E.
  destruct o as [p' | e]; cbn; [|reflexivity]. pose proof (keeps_step _ _ _ _ _ _ Hs Hk).
  destruct c; [apply asked_yes | apply asked_no]; assumption.
Qed.

Theorem if_seq_left_fixed b p q r :
  keeps b p -> Seq p (If b q r) =r= If b (Seq p q) (Seq p r).
Proof.
  intros Hk. apply (same_runs_by (asked_early b q r)); [| | |intros s; constructor; exact Hk].
  - intros s x y [| s1 p1 K | s1 p1 K E | s1 p1 K E]; cbn; rewrite ?E; auto.
    destruct (holds s1 b); reflexivity.
  - intros s x y H l s' o Hs. destruct H as [s p1 | s p1 K | s p1 K E | s p1 K E].
    + exists o. split; [exact Hs|]. destruct o; cbn; constructor.
    + destruct (holds s b) eqn:E; invert_step; try (invert_step; try congruence).
      * eexists; split; [apply step_then; [exact E | apply step_seq_first; eassumption]|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
      * eexists; split; [apply step_then; [exact E | apply step_seq_second; eassumption]|].
        destruct o; cbn; constructor.
      * eexists; split; [apply step_else; [exact E | apply step_seq_first; eassumption]|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
      * eexists; split; [apply step_else; [exact E | apply step_seq_second; eassumption]|].
        destruct o; cbn; constructor.
    + invert_step; try (invert_step; try congruence).
      * eexists; split; [apply step_seq_first; eassumption|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
      * eexists; split; [apply step_seq_second; eassumption|]. destruct o; cbn; constructor.
    + invert_step; try (invert_step; try congruence).
      * eexists; split; [apply step_seq_first; eassumption|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
      * eexists; split; [apply step_seq_second; eassumption|]. destruct o; cbn; constructor.
  - intros s x y H l s' o Hs. destruct H as [s p1 | s p1 K | s p1 K E | s p1 K E].
    + exists o. split; [exact Hs|]. destruct o; cbn; constructor.
    + repeat invert_step.
      * eexists; split; [apply step_seq_first; eassumption|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) ltac:(eassumption)).
      * eexists; split; [apply step_seq_second; [eassumption | apply step_then; eassumption]|].
        destruct o; cbn; constructor.
      * eexists; split; [apply step_seq_first; eassumption|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) ltac:(eassumption)).
      * eexists; split; [apply step_seq_second; [eassumption | apply step_else; eassumption]|].
        destruct o; cbn; constructor.
    + invert_step.
      * eexists; split; [apply step_seq_first; eassumption|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
      * eexists; split; [apply step_seq_second; [eassumption | apply step_then; eassumption]|].
        destruct o; cbn; constructor.
    + invert_step.
      * eexists; split; [apply step_seq_first; eassumption|].
        exact (asked_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
      * eexists; split; [apply step_seq_second; [eassumption | apply step_else; eassumption]|].
        destruct o; cbn; constructor.
Qed.

(** The branch is settled, and beside it [r] goes on. *)
Inductive tested_beside (b : expr) (p q : proc) : store -> proc -> proc -> Prop :=
| tested_same s x : tested_beside b p q s x x
| tested_open s r : keeps b r ->
    tested_beside b p q s (Par (If b p q) r) (If b (Par p r) (Par q r))
| tested_yes s r : keeps b r -> holds s b = true ->
    tested_beside b p q s (Par (If b p q) r) (Par p r)
| tested_no s r : keeps b r -> holds s b = false ->
    tested_beside b p q s (Par (If b p q) r) (Par q r).

Lemma tested_later b p q s r l s' o c :
  keeps b r -> step s r l s' o -> holds s b = c ->
  related (tested_beside b p q s') (beside_right (If b p q) o)
    (beside_right (if c then p else q) o).
Proof.
  intros Hk Hs Hb. pose proof (keeps_test _ _ _ _ _ _ Hs Hk) as E. rewrite Hb in E.
  destruct o as [r' | e]; cbn; [|reflexivity]. pose proof (keeps_step _ _ _ _ _ _ Hs Hk).
  destruct c; [apply tested_yes | apply tested_no]; assumption.
Qed.

Ltac same_outcome := match goal with |- related _ ?o ?o => destruct o; cbn; constructor end.

Theorem par_if_fixed b p q r :
  keeps b r -> Par (If b p q) r =r= If b (Par p r) (Par q r).
Proof.
  intros Hk. apply (same_runs_by (tested_beside b p q)); [| | |intros s; constructor; exact Hk].
  - intros s x y [| s1 r1 K | s1 r1 K E | s1 r1 K E]; cbn; rewrite ?E; auto.
    destruct (holds s1 b); reflexivity.
  - intros s x y H l s' o Hs. destruct H as [s x | s r1 K | s r1 K E | s r1 K E].
    + exists o. split; [exact Hs | same_outcome].
    + destruct (holds s b) eqn:E; invert_step; try (invert_step; try congruence).
      * eexists; split; [apply step_then; [exact E | apply step_par_left; eassumption]|].
        destruct o0; cbn; constructor.
      * eexists; split; [apply step_then; [exact E | apply step_par_right; eassumption]|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
      * eexists; split; [apply step_else; [exact E | apply step_par_left; eassumption]|].
        destruct o0; cbn; constructor.
      * eexists; split; [apply step_else; [exact E | apply step_par_right; eassumption]|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
    + invert_step; try (invert_step; try congruence).
      * eexists; split; [apply step_par_left; eassumption|]. destruct o0; cbn; constructor.
      * eexists; split; [apply step_par_right; eassumption|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
    + invert_step; try (invert_step; try congruence).
      * eexists; split; [apply step_par_left; eassumption|]. destruct o0; cbn; constructor.
      * eexists; split; [apply step_par_right; eassumption|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
  - intros s x y H l s' o Hs. destruct H as [s x | s r1 K | s r1 K E | s r1 K E].
    + exists o. split; [exact Hs | same_outcome].
    + repeat invert_step.
      * eexists; split; [apply step_par_left, step_then; eassumption|].
        destruct o0; cbn; constructor.
      * eexists; split; [apply step_par_right; eassumption|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) ltac:(eassumption)).
      * eexists; split; [apply step_par_left, step_else; eassumption|].
        destruct o0; cbn; constructor.
      * eexists; split; [apply step_par_right; eassumption|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) ltac:(eassumption)).
    + invert_step.
      * eexists; split; [apply step_par_left, step_then; eassumption|].
        destruct o0; cbn; constructor.
      * eexists; split; [apply step_par_right; eassumption|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
    + invert_step.
      * eexists; split; [apply step_par_left, step_else; eassumption|].
        destruct o0; cbn; constructor.
      * eexists; split; [apply step_par_right; eassumption|].
        exact (tested_later _ _ _ _ _ _ _ _ _ K ltac:(eassumption) E).
Qed.
