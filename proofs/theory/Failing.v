(** * What is no law: counterexamples, in the coarsest reading

    Each is a pair of processes and a run that only one of them has.  So no finer equivalence
    holds of them either. *)

From Theory Require Export Runs.

(** An activity that lasts and does nothing else; and one that may fail. *)
Definition act (n : nat) : proc := Act {| name := n; effect := []; fails := [] |}.
Definition risky (n : nat) (e : error) : proc := Act {| name := n; effect := []; fails := [e] |}.

(** ** A run that is there is built; one that is not is looked for, and not found *)

Lemma see_started s p n s' q t :
  step s p (Started n) s' (Go q) -> run s' q t -> run s p (Saw (Started n) :: t).
Proof. exact (run_go s p (Started n) s' q t). Qed.
Lemma see_done s p n v s' q t :
  step s p (Done n v) s' (Go q) -> run s' q t -> run s p (Saw (Done n v) :: t).
Proof. exact (run_go s p (Done n v) s' q t). Qed.
Lemma see_failed s p n e s' q t :
  step s p (Failed n e) s' (Go q) -> run s' q t -> run s p (Saw (Failed n e) :: t).
Proof. exact (run_go s p (Failed n e) s' q t). Qed.
Lemma see_tau s p s' q t : step s p Tau s' (Go q) -> run s' q t -> run s p t.
Proof. exact (run_go s p Tau s' q t). Qed.
Lemma see_raise s p e s' : step s p Tau s' (Raise e) -> run s p [Aborted e s'].
Proof. exact (run_raise s p Tau s' e). Qed.

(** Follow all runs that begin as wanted, to a contradiction. *)
Ltac no_run :=
  unfold act, risky in *;
  repeat (
    match goal with
    | H : False |- _ => destruct H
    | H : run _ _ (_ :: _) |- _ => inversion H; subst; clear H; cbn in *; try discriminate
    | H : step _ _ _ _ _ |- _ => invert_step
    | H : In _ _ |- _ => cbn in H; destruct H as [H | H]; [subst | destruct H]
    | E : Go _ = Go _ |- _ => injection E as E; subst
    | E : Raise _ = Raise _ |- _ => injection E as E; subst
    | E : _ :: _ = _ :: _ |- _ => injection E as E; subst
    | E : context [before ?o _] |- _ => is_var o; destruct o
    | E : context [beside_left ?o _] |- _ => is_var o; destruct o
    | E : context [beside_right _ ?o] |- _ => is_var o; destruct o
    | E : context [guarded ?o _ _] |- _ => is_var o; destruct o
    end; cbn in *; try discriminate).

(** A step of a process that is written out. *)
Ltac find_go :=
  cbn;
  lazymatch goal with
  | |- step _ (Seq _ _) _ _ _ =>
      first [ eapply seq_first_go; find_go | eapply seq_first_raise; find_go
            | eapply step_seq_second; [reflexivity | find_go] ]
  | |- step _ (Par _ _) _ _ _ =>
      first [ eapply par_left_go; find_go | eapply par_left_raise; find_go
            | eapply par_right_go; find_go | eapply par_right_raise; find_go ]
  | |- step _ (Choice _ _) _ _ _ =>
      first [ eapply step_choice_left; find_go | eapply step_choice_right; find_go ]
  | |- step _ (If _ _ _) _ _ _ =>
      first [ eapply step_then; [reflexivity | find_go]
            | eapply step_else; [reflexivity | find_go] ]
  | |- step _ (While _ _) _ _ _ =>
      first [ eapply round_go; [reflexivity | find_go] | eapply step_again; reflexivity ]
  | |- step _ (Try _ _ _) _ _ _ =>
      first [ eapply try_go; find_go | eapply try_caught; [find_go | reflexivity]
            | eapply try_passed; [find_go | reflexivity] ]
  | |- step _ (Running _) _ _ _ =>
      first [ eapply step_done | eapply step_failed; left; reflexivity ]
  | |- step _ _ _ _ _ => constructor
  end.

(** A run that is there: internal steps are taken where the next thing to be seen needs one. *)
Ltac a_run :=
  lazymatch goal with
  | |- run _ _ [] => constructor
  | |- run _ _ [Completed _] => first [ constructor; reflexivity | silently ]
  | |- run _ _ [Aborted _ _] => first [ eapply see_raise; find_go | silently ]
  | |- run _ _ (Saw (Started _) :: _) => first [ eapply see_started; [find_go | a_run] | silently ]
  | |- run _ _ (Saw (Done _ _) :: _) => first [ eapply see_done; [find_go | a_run] | silently ]
  | |- run _ _ (Saw (Failed _ _) :: _) => first [ eapply see_failed; [find_go | a_run] | silently ]
  end
with silently := eapply see_tau; [find_go | a_run].

(** ** The counterexamples

    [s], [t]: the store from which, and what is seen; it is a run of the left (or the right) side
    and none of the other. *)
Definition no_law (p q : proc) : Prop := ~ (p =r= q).

Ltac left_only s t :=
  let L := fresh in let K := fresh in
  intros L; match type of L with
  | ?p =r= ?q => assert (K : run s p t) by (unfold act, risky; a_run); apply (L s t) in K; no_run
  end.
Ltac right_only s t :=
  let L := fresh in let K := fresh in
  intros L; match type of L with
  | ?p =r= ?q => assert (K : run s q t) by (unfold act, risky; a_run); apply (L s t) in K; no_run
  end.

Theorem seq_stuck_right_fails : no_law (Seq (act 0) Stuck) Stuck.
Proof. left_only ([] : store) [Saw (Started 0)]. Qed.

Theorem seq_fail_right_fails e : no_law (Seq (act 0) (Fail e)) (Fail e).
Proof. left_only ([] : store) [Saw (Started 0)]. Qed.

Theorem seq_commute_fails : no_law (Seq (act 0) (act 1)) (Seq (act 1) (act 0)).
Proof. left_only ([] : store) [Saw (Started 0)]. Qed.

Theorem seq_idem_fails : no_law (Seq (act 0) (act 0)) (act 0).
Proof. left_only ([] : store) [Saw (Started 0); Saw (Done 0 0); Saw (Started 0)]. Qed.

(** [skip] is no unit of choice: it may be over at once. *)
Theorem choice_skip_fails : no_law (Choice (act 0) Skip) (act 0).
Proof. left_only ([] : store) [Completed []]. Qed.

Theorem choice_fail_fails e : no_law (Choice (act 0) (Fail e)) (act 0).
Proof. left_only ([] : store) [Aborted e []]. Qed.

Theorem par_idem_fails : no_law (Par (act 0) (act 0)) (act 0).
Proof. left_only ([] : store) [Saw (Started 0); Saw (Started 0)]. Qed.

(** Activities last, so both may run at once. *)
Theorem par_expand_fails :
  no_law (Par (act 0) (act 1)) (Choice (Seq (act 0) (act 1)) (Seq (act 1) (act 0))).
Proof. left_only ([] : store) [Saw (Started 0); Saw (Started 1)]. Qed.

Theorem par_seq_fails : no_law (Par (act 0) (act 1)) (Seq (act 0) (act 1)).
Proof. left_only ([] : store) [Saw (Started 1)]. Qed.

Theorem par_exchange_fails :
  no_law (Seq (Par Skip (act 1)) (Par (act 0) Skip)) (Par (Seq Skip (act 0)) (Seq (act 1) Skip)).
Proof. right_only ([] : store) [Saw (Started 0)]. Qed.

(** What runs beside a failure may have begun by then. *)
Theorem par_fail_fails e : no_law (Par (Fail e) (act 0)) (Fail e).
Proof. left_only ([] : store) [Saw (Started 0)]. Qed.

(** Variable 0 is the test, and what runs beside it changes it. *)
Theorem par_if_fails :
  no_law (Par (If (Var 0) (act 0) (act 1)) (Assign 0 (Const 0)))
         (If (Var 0) (Par (act 0) (Assign 0 (Const 0))) (Par (act 1) (Assign 0 (Const 0)))).
Proof. left_only ([1] : store) [Saw (Started 1)]. Qed.

Theorem if_seq_left_fails :
  no_law (Seq (Assign 0 (Const 0)) (If (Var 0) (act 0) (act 1)))
         (If (Var 0) (Seq (Assign 0 (Const 0)) (act 0)) (Seq (Assign 0 (Const 0)) (act 1))).
Proof. left_only ([1] : store) [Saw (Started 1)]. Qed.

Theorem try_no_throw_needs_it e : no_law (Try (Fail e) Any Skip) (Fail e).
Proof. left_only ([] : store) [Completed []]. Qed.

Theorem try_seq_needs_no_throw e :
  no_law (Try (Seq (Fail e) Skip) Any Skip) (Seq (Fail e) (Try Skip Any Skip)).
Proof. left_only ([] : store) [Completed []]. Qed.

Theorem try_seq_after_needs_no_throw e :
  no_law (Seq (Try Skip Any (act 0)) (Fail e)) (Try (Seq Skip (Fail e)) Any (Seq (act 0) (Fail e))).
Proof. right_only ([] : store) [Saw (Started 0)]. Qed.

(** One branch fails, and the other need not be waited for; inside its own [try] it has to be. *)
Theorem try_par_needs_no_throw e :
  no_law (Try (Par (Fail e) (act 0)) Any Skip) (Par (Try (Fail e) Any Skip) (Try (act 0) Any Skip)).
Proof. left_only ([] : store) [Completed []]. Qed.

Theorem try_same_fails e : no_law (Try (risky 0 e) Any (risky 0 e)) (risky 0 e).
Proof. left_only ([] : store) [Saw (Started 0); Saw (Failed 0 e); Saw (Started 0)]. Qed.

(** With different errors, [try] is not associative: what the inner [catch] lets pass. *)
Theorem try_assoc_needs_one_catch :
  no_law (Try (Try (Fail 1) (Only 0) Skip) (Only 1) (act 0))
         (Try (Fail 1) (Only 0) (Try Skip (Only 1) (act 0))).
Proof. left_only ([] : store) [Saw (Started 0)]. Qed.

(** ** Inclusions that need steady processes (Refinement.v)

    [open]: it may end while variable 0 is not 0, and is stuck from then on. *)
Definition open : proc := If (Var 0) Skip Stuck.

Ltac not_included s t :=
  let L := fresh in let K := fresh in
  intros L; match type of L with
  | ?p <<= ?q =>
      assert (K : run s p t) by (unfold act, open; a_run);
      apply (refines_runs _ _ L) in K; unfold open in K; no_run
  end.

(** In [;] it has ended before the test changes; in [||] it may still have to. *)
Theorem seq_refines_par_needs_steady :
  ~ (Seq open (Assign 0 (Const 0)) <<= Par open (Assign 0 (Const 0))).
Proof. not_included ([1] : store) [Completed [0]]. Qed.

Theorem par_exchange_needs_steady :
  ~ (Seq (Par Skip open) (Par (Assign 0 (Const 0)) Skip)
     <<= Par (Seq Skip (Assign 0 (Const 0))) (Seq open Skip)).
Proof. not_included ([1] : store) [Completed [0]]. Qed.
