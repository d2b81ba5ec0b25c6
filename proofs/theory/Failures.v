(** * Failures: after a run, what may be refused

    Between bisimulation and runs: two processes with the same runs differ here if one of them may
    get to a point, without internal steps to come, at which it refuses what the other still
    offers.  So it shows when a choice is made. *)

From Theory Require Export Failing LawsSequence.

Inductive after : store -> proc -> list seen -> store -> proc -> Prop :=
| after_here s p : after s p [] s p
| after_step s p l s1 q t s' p' :
    step s p l s1 (Go q) -> after s1 q t s' p' -> after s p (see l t) s' p'.

(** After [t] it may refuse all of [X]. *)
Definition may_refuse (s : store) (p : proc) (t : list seen) (X : list label) : Prop :=
  exists s' p', after s p t s' p' /\
    (forall s2 o, ~ step s' p' Tau s2 o) /\
    (forall l s2 o, In l X -> ~ step s' p' l s2 o).

Definition same_failures (p q : proc) : Prop :=
  p =r= q /\ forall s t X, may_refuse s p t X <-> may_refuse s q t X.

Infix "=f=" := same_failures (at level 70).

Theorem same_failures_same_runs p q : p =f= q -> p =r= q.
Proof. intros [H _]. exact H. Qed.

Lemma bisimilar_after s p t s' p' q :
  p ~~ q -> after s p t s' p' -> exists q', after s q t s' q' /\ p' ~~ q'.
Proof.
  intros B H. revert q B. induction H as [s p | s p l s1 x t s' p' Hs Ha IH]; intros q B.
  - exists q. split; [constructor | exact B].
  - destruct (bisimilar_matched _ _ B) as (_ & A & _).
    destruct (A _ _ _ _ Hs) as ([y | e] & Hy & R); cbn in R; [|tauto].
    destruct (IH _ R) as (q' & ? & ?). exists q'. split; [|assumption].
    econstructor; eassumption.
Qed.

Lemma bisimilar_may_refuse s p q t X : p ~~ q -> may_refuse s p t X -> may_refuse s q t X.
Proof.
  intros B (s' & p' & Ha & Hs & HX).
  destruct (bisimilar_after _ _ _ _ _ _ B Ha) as (q' & Hq & B').
  destruct (bisimilar_matched _ _ B') as (_ & _ & A).
  exists s', q'. split; [exact Hq|]. split.
  - intros s2 o K. destruct (A _ _ _ _ K) as (o' & K' & _). exact (Hs _ _ K').
  - intros l s2 o Hl K. destruct (A _ _ _ _ K) as (o' & K' & _). exact (HX _ _ _ Hl K').
Qed.

Theorem bisimilar_same_failures p q : p ~~ q -> p =f= q.
Proof.
  intros B. split; [apply bisimilar_same_runs, B|].
  intros s t X. split; apply bisimilar_may_refuse; [|symmetry]; exact B.
Qed.

(** ** The laws of traces that do not hold here

    After [t] one side may have chosen, and refuses [l]; the other side has not. *)

(** Follow all ways to do what was done, until nothing is left to do. *)
Ltac all_after :=
  repeat (
    match goal with
    | H : step _ _ _ _ _ |- _ => invert_step
    | E : Go _ = Go _ |- _ => injection E as E; subst
    | E : context [before ?o _] |- _ => is_var o; destruct o
    | E : context [beside_left ?o _] |- _ => is_var o; destruct o
    | E : context [beside_right _ ?o] |- _ => is_var o; destruct o
    | E : context [guarded ?o _ _] |- _ => is_var o; destruct o
    | H : see ?l _ = _ |- _ => is_var l; destruct l
    | H : _ :: _ = _ :: _ |- _ => injection H as H; subst
    | H : ?t = _ :: _ |- _ => is_var t; subst t
    | H : ?t = [] |- _ => is_var t; subst t
    | H : after _ _ ?t _ _ |- _ => tryif is_var t then fail else (inversion H; subst; clear H)
    end; cbn in *; try discriminate).

Section Choices.

Let a := {| name := 0; effect := []; fails := [0] |}.
Let b := {| name := 1; effect := []; fails := [] |}.
Let c := {| name := 2; effect := []; fails := [] |}.

(** [x] and [y]: what has become of the right side after [l] and after [m]; [y] refuses [c]. *)
Ltac refuses l x m y :=
  exists [], y; split;
  [ apply (after_step [] _ l [] x); [find_go|];
    apply (after_step [] _ m [] y); [find_go | constructor]
  | split; [intros ? ? ? | intros ? ? ? [<- | []] ?]; repeat invert_step ].

(** The left side offers [c] after all its ways to do the same. *)
Ltac offers K :=
  destruct K as (s' & p' & K & _ & X); all_after;
  eapply (X (Started 2)); [left; reflexivity | find_go].

Lemma choice_seq_left_refuses :
  ~ (Seq (Act a) (Choice (Act b) (Act c)) =f= Choice (Seq (Act a) (Act b)) (Seq (Act a) (Act c))).
Proof.
  intros [_ H].
  assert (K : may_refuse [] (Choice (Seq (Act a) (Act b)) (Seq (Act a) (Act c)))
    [Saw (Started 0); Saw (Done 0 0)] [Started 2])
    by refuses (Started 0) (Seq (Running a) (Act b)) (Done 0 0) (Seq Skip (Act b)).
  apply H in K. offers K.
Qed.

Lemma par_choice_refuses :
  ~ (Par (Act a) (Choice (Act b) (Act c)) =f= Choice (Par (Act a) (Act b)) (Par (Act a) (Act c))).
Proof.
  intros [_ H].
  assert (K : may_refuse [] (Choice (Par (Act a) (Act b)) (Par (Act a) (Act c)))
    [Saw (Started 0); Saw (Done 0 0)] [Started 2])
    by refuses (Started 0) (Par (Running a) (Act b)) (Done 0 0) (Par Skip (Act b)).
  apply H in K. offers K.
Qed.

Lemma try_handler_choice_refuses :
  ~ (Try (Act a) Any (Choice (Act b) (Act c))
     =f= Choice (Try (Act a) Any (Act b)) (Try (Act a) Any (Act c))).
Proof.
  intros [_ H].
  assert (K : may_refuse [] (Choice (Try (Act a) Any (Act b)) (Try (Act a) Any (Act c)))
    [Saw (Started 0); Saw (Failed 0 0)] [Started 2])
    by refuses (Started 0) (Try (Running a) Any (Act b)) (Failed 0 0) (Act b).
  apply H in K. offers K.
Qed.

End Choices.

Theorem choice_seq_left_not_failures :
  exists p q r, ~ (Seq p (Choice q r) =f= Choice (Seq p q) (Seq p r)).
Proof. do 3 eexists. apply choice_seq_left_refuses. Qed.

Theorem par_choice_not_failures :
  exists p q r, ~ (Par p (Choice q r) =f= Choice (Par p q) (Par p r)).
Proof. do 3 eexists. apply par_choice_refuses. Qed.

Theorem try_handler_choice_not_failures :
  exists p h k, ~ (Try p Any (Choice h k) =f= Choice (Try p Any h) (Try p Any k)).
Proof. do 3 eexists. apply try_handler_choice_refuses. Qed.
