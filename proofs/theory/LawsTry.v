(** * Laws of [try] *)

From Theory Require Export Tactics.

Theorem try_skip c h : Try Skip c h ~~ Skip.
Proof. by_same_steps. Qed.

Theorem try_stuck c h : Try Stuck c h ~~ Stuck.
Proof. by_same_steps. Qed.

Theorem try_other e f h : catches (Only f) e = false -> Try (Fail e) (Only f) h ~~ Fail e.
Proof.
  intros H. apply bisimilar_same_steps; [same_ends|].
  intros s l s' o; split; intros Hs; all_steps; cbn; [|].
  - cbn in H; rewrite H. apply step_fail.
  - replace (Raise e) with (guarded (Raise e) (Only f) h) by (cbn in *; rewrite H; reflexivity).
    find_step.
Qed.

(** A handler is not needed where nothing is thrown. *)
Inductive needless c h : relation :=
| needless_here p : never_throws p -> needless c h (Try p c h) p.

Theorem try_no_throw p c h : never_throws p -> Try p c h ~~ p.
Proof.
  intros H. apply (bisimilar_by (needless c h)); [|constructor; exact H].
  intros x y [p' Hp]. split; [same_ends|]. split; intros s l s' o Hs; [invert_step|].
  - destruct o0; [|exfalso; eapply never_throws_now; eauto].
    eexists; split; [eassumption | left; constructor; eapply never_throws_step; eauto].
  - destruct o; [|exfalso; eapply never_throws_now; eauto].
    eexists; split; [apply step_try; eassumption|].
    left; constructor; eapply never_throws_step; eauto.
Qed.

Inductive try_moved c h k : relation :=
| try_moved_here p : try_moved c h k (Try (Try p c h) c k) (Try p c (Try h c k)).

(** Of the same errors on both sides: an error that the inner [catch] lets pass, an outer one that
    takes others may take ([try_assoc_needs_one_catch]). *)
Theorem try_assoc c p h k : Try (Try p c h) c k ~~ Try p c (Try h c k).
Proof. by_relation (try_moved c h k); [same_ends | answer_all | answer_all]. Qed.

Theorem try_choice p q c h : Try (Choice p q) c h ~~ Choice (Try p c h) (Try q c h).
Proof. by_same_steps. Qed.

Theorem try_if b p q c h : Try (If b p q) c h ~~ If b (Try p c h) (Try q c h).
Proof. by_same_steps. Qed.

Inductive try_later c h : relation :=
| try_later_here p q :
    never_throws p -> try_later c h (Try (Seq p q) c h) (Seq p (Try q c h)).

Theorem try_seq p q c h : never_throws p -> Try (Seq p q) c h ~~ Seq p (Try q c h).
Proof.
  intros H. apply (bisimilar_by (try_later c h)); [|constructor; exact H].
  intros x y [p' q' Hp]. split; [same_ends|]. split; intros s l s' o Hs; all_steps.
  - destruct o; [|exfalso; eapply never_throws_now; eauto].
    eexists; split; [apply step_seq_first; eassumption|].
    left; constructor; eapply never_throws_step; eauto.
  - eexists; split; [apply step_seq_second, step_try; eassumption|].
    apply related_refl. right; reflexivity.
  - destruct o0; [|exfalso; eapply never_throws_now; eauto].
    eexists; split; [apply step_try, step_seq_first; eassumption|].
    left; constructor; eapply never_throws_step; eauto.
  - eexists; split; [apply step_try, step_seq_second; eassumption|].
    apply related_refl. right; reflexivity.
Qed.

Inductive try_around c h r : relation :=
| try_around_here p : try_around c h r (Seq (Try p c h) r) (Try (Seq p r) c (Seq h r)).

Theorem try_seq_after p c h r :
  never_throws r -> Seq (Try p c h) r ~~ Try (Seq p r) c (Seq h r).
Proof.
  intros H. apply (bisimilar_by (try_around c h r)); [|constructor].
  intros x y [p']. split; [same_ends|].
  assert (Hr : forall s l s' o, step s r l s' o ->
    exists q, o = Go q /\ q ~~ Try q c (Seq h r)).
  { intros s l s' [q | e] Hs; [|exfalso; eapply never_throws_now; eauto].
    exists q; split; [reflexivity|]. symmetry. apply try_no_throw.
    eapply never_throws_step; eauto. }
  split; intros s l s' o Hs; all_steps.
  - eexists; split; [find_step | lead_on].
  - destruct (Hr _ _ _ _ ltac:(eassumption)) as (q & -> & Hq).
    eexists; split; [apply step_try, step_seq_second; eassumption | right; exact Hq].
  - eexists; split; [find_step | lead_on].
  - destruct (Hr _ _ _ _ ltac:(eassumption)) as (q & -> & Hq).
    eexists; split; [apply step_seq_second; eassumption | right; exact Hq].
Qed.

Lemma reaches_par p q r :
  reaches (Par p q) r -> exists p' q', r = Par p' q' /\ reaches p p' /\ reaches q q'.
Proof.
  intros H. remember (Par p q) as x eqn:E. revert p q E.
  induction H as [x | x s l s' y r Hs Hr IH]; intros p q ->.
  - exists p, q. repeat split; constructor.
  - invert_step; destruct o; cbn in *; try discriminate;
      match goal with
      | E : Go _ = Go _ |- _ => injection E as <-
      | E : Raise _ = Raise _ |- _ => injection E as <-
      end.
    + destruct (IH _ _ eq_refl) as (p' & q' & -> & ? & ?).
      exists p', q'. split; [reflexivity | split; [eapply reaches_on; eauto | assumption]].
    + destruct (IH _ _ eq_refl) as (p' & q' & -> & ? & ?).
      exists p', q'. split; [reflexivity | split; [assumption | eapply reaches_on; eauto]].
Qed.

Lemma never_throws_par p q : never_throws p -> never_throws q -> never_throws (Par p q).
Proof.
  intros Hp Hq r Hr s l s' e Hs. destruct (reaches_par _ _ _ Hr) as (p' & q' & -> & Rp & Rq).
  invert_step; destruct o; cbn in *; try discriminate;
      match goal with
      | E : Go _ = Go _ |- _ => injection E as <-
      | E : Raise _ = Raise _ |- _ => injection E as <-
      end.
  - eapply Hp; eauto.
  - eapply Hq; eauto.
Qed.

Theorem try_par p q c h :
  never_throws p -> never_throws q ->
  Try (Par p q) c h ~~ Par (Try p c h) (Try q c h).
Proof.
  intros Hp Hq. rewrite !try_no_throw; auto using never_throws_par. reflexivity.
Qed.

Theorem try_same p c : never_throws p -> Try p c p ~~ p.
Proof. apply try_no_throw. Qed.
