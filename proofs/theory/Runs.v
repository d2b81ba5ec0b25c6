(** * What a user sees: observable runs from a store to the end

    Internal steps are not seen, nor the data on the way; the final data are.  The design calls
    this "trace".  It is the coarsest reading here: laws are proved for finer ones where they hold,
    and refuted for this one where they do not. *)

From Theory Require Export Traces LawsWhile.

Inductive seen :=
| Saw (l : label)
| Completed (s : store)
| Aborted (e : error) (s : store).

(** An internal step leaves nothing to be seen. *)
Definition see (l : label) (t : list seen) : list seen :=
  match l with Tau => t | _ => Saw l :: t end.

Inductive run : store -> proc -> list seen -> Prop :=
| run_stop s p : run s p []
| run_end s p : ends s p = true -> run s p [Completed s]
| run_go s p l s' q t : step s p l s' (Go q) -> run s' q t -> run s p (see l t)
| run_raise s p l s' e : step s p l s' (Raise e) -> run s p (see l [Aborted e s'])
| run_raised s p l s' e : step s p l s' (Raise e) -> run s p (see l []).

#[export] Hint Constructors run : run.

Definition same_runs (p q : proc) : Prop := forall s t, run s p t <-> run s q t.

Infix "=r=" := same_runs (at level 70).

#[export] Instance same_runs_equivalence : Equivalence same_runs.
Proof.
  split.
  - intros p s t; reflexivity.
  - intros p q H s t; symmetry; apply H.
  - intros p q r H K s t; rewrite (H s t); apply K.
Qed.

(** A run is a trace whose stores follow each other: nobody else has changed the data. *)
Inductive told : store -> list event -> list seen -> Prop :=
| told_stop s : told s [] []
| told_over s : told s [Over s] [Completed s]
| told_moved s l s' t u : told s' t u -> told s (Moved s l s' :: t) (see l u)
| told_threw s l s' e : told s [Threw s l s' e] (see l [Aborted e s'])
| told_thrown s l s' e : told s [Threw s l s' e] (see l []).

#[local] Hint Constructors told : core.

Lemma run_told s p u : run s p u <-> exists t, trace p t /\ told s t u.
Proof.
  split.
  - induction 1 as [| | s p l s' q u Hs Hr (t & Ht & Hu) | |];
      eauto using trace_stop, trace_over, trace_go, trace_raise.
  - intros (t & Ht & Hu). revert s u Hu.
    induction Ht; intros s1 u Hu; inversion Hu; subst; eauto with run.
Qed.

Lemma refines_runs p q : p <<= q -> forall s u, run s p u -> run s q u.
Proof. intros H s u. rewrite !run_told. intros (t & Ht & Hu). eauto. Qed.

Theorem same_traces_same_runs p q : p =t= q -> p =r= q.
Proof. intros [H H'] s u. split; apply refines_runs; assumption. Qed.

Lemma bisimilar_same_runs p q : p ~~ q -> p =r= q.
Proof. intros H. apply same_traces_same_runs, bisimilar_same_traces, H. Qed.

(** ** Laws of runs that are none of traces: an internal step more or less *)

(** The [fail] that is caught is an internal step, so this is no law of bisimulation; nor may it
    be used at once inside [+] or [if], where a first step decides (Branching.v). *)
Theorem try_fail_runs e h : Try (Fail e) Any h =r= h.
Proof.
  assert (K : forall s, step s (Try (Fail e) Any h) Tau s (Go h)).
  { intros s. exact (step_try _ _ Any h _ _ _ (step_fail s e)). }
  intros s t; split; intros H.
  - inversion H; subst; repeat invert_step; cbn in *; try discriminate.
    + constructor.
    + match goal with E : Go _ = Go _ |- _ => injection E as <- end. assumption.
  - exact (run_go _ _ Tau _ _ _ (K s) H).
Qed.

(** The error is raised a step later, which nobody sees who is not beside it. *)
Lemma fail_runs s e t : run s (Fail e) t -> t = [] \/ t = [Aborted e s].
Proof. inversion 1; subst; auto; try discriminate; invert_step; auto. Qed.

Theorem try_rethrow_runs p e : Try p (Only e) (Fail e) =r= p.
Proof.
  assert (G : forall s q l s' x, step s q l s' (Go x) ->
    step s (Try q (Only e) (Fail e)) l s' (Go (Try x (Only e) (Fail e)))).
  { intros s q l s' x Hs. exact (step_try _ _ _ _ _ _ _ Hs). }
  intros s t; split.
  - intros H. remember (Try p (Only e) (Fail e)) as x eqn:E. revert p E.
    induction H as [| | s x l s' q t Hs Hr IH | s x l s' e' Hs | s x l s' e' Hs];
      intros x' ->; eauto with run.
    + invert_step. destruct o as [y | e']; cbn in *.
      * match goal with E : Go _ = Go _ |- _ => injection E as <- end. eauto with run.
      * destruct (e' =? e) eqn:D; [|discriminate]. apply Nat.eqb_eq in D as ->.
        match goal with E : Go _ = Go _ |- _ => injection E as <- end.
        destruct (fail_runs _ _ _ Hr) as [-> | ->]; eauto with run.
    + invert_step. destruct o as [y | e'']; cbn in *; [discriminate|].
      destruct (e'' =? e); [discriminate|].
      match goal with E : Raise _ = Raise _ |- _ => injection E as -> end. eauto with run.
    + invert_step. destruct o as [y | e'']; cbn in *; [discriminate|].
      destruct (e'' =? e); [discriminate|].
      match goal with E : Raise _ = Raise _ |- _ => injection E as -> end. eauto with run.
  - induction 1 as [| | s p l s' q t Hs Hr IH | s p l s' e' Hs | s p l s' e' Hs];
      eauto with run.
    + destruct (e' =? e) eqn:D.
      * apply Nat.eqb_eq in D as ->.
        assert (Ht : step s (Try p (Only e) (Fail e)) l s' (Go (Fail e))).
        { pose proof (step_try _ _ (Only e) (Fail e) _ _ _ Hs) as K.
          cbn in K. rewrite Nat.eqb_refl in K. exact K. }
        refine (run_go _ _ _ _ _ _ Ht _). exact (run_raise _ _ Tau _ _ (step_fail s' e)).
      * apply run_raise with (e := e').
        pose proof (step_try _ _ (Only e) (Fail e) _ _ _ Hs) as K.
        cbn in K. rewrite D in K. exact K.
    + destruct (e' =? e) eqn:D.
      * apply Nat.eqb_eq in D as ->.
        assert (Ht : step s (Try p (Only e) (Fail e)) l s' (Go (Fail e))).
        { pose proof (step_try _ _ (Only e) (Fail e) _ _ _ Hs) as K.
          cbn in K. rewrite Nat.eqb_refl in K. exact K. }
        exact (run_go _ _ _ _ _ _ Ht (run_stop _ _)).
      * apply run_raised with (s' := s') (e := e').
        pose proof (step_try _ _ (Only e) (Fail e) _ _ _ Hs) as K.
        cbn in K. rewrite D in K. exact K.
Qed.

(** Going round for ever is not seen either. *)
Theorem while_true_skip_runs : While yes Skip =r= Stuck.
Proof.
  intros s t; split; intros H.
  - remember (While yes Skip) as x eqn:E.
    induction H; subst; [constructor | discriminate | | |]; repeat invert_step.
    apply IHrun. reflexivity.
  - inversion H; subst; try invert_step; [constructor | discriminate].
Qed.
