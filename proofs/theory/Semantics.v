(** * Small steps

    The reading is that of semantics/lower and of docs/decisions (0001, 0004): [;], fork, join and
    tests take no step of their own.  So there are two things to say about a process in a store:
    whether it may end here without a step ([ends]), and which steps it may take ([step]). *)

From Theory Require Export Syntax.

(** ** Ending without a step

    A test stays open until a step is taken: it is asked again in whatever store there is then. *)
Fixpoint ends (s : store) (p : proc) : bool :=
  match p with
  | Skip => true
  | Stuck | Fail _ | Assign _ _ | Act _ | Running _ => false
  | Seq p q | Par p q => ends s p && ends s q
  | Choice p q => ends s p || ends s q
  | If b p q => if holds s b then ends s p else ends s q
  | While b _ => negb (holds s b)
  | Try p _ _ => ends s p
  end.

(** ** Steps

    What an observer may see of a step.  [Tau] is an internal one: an assignment, a [fail], the
    next round of a loop. *)
Inductive label :=
| Started (n : nat)
| Done (n : nat) (v : value)
| Failed (n : nat) (e : error)
| Tau.

(** A step goes on as a process or raises an error.  An error reaches its frame in the step that
    raises it, and what is beside it ends in that step too: nothing is left to be cancelled later. *)
Inductive outcome := Go (p : proc) | Raise (e : error).

(** What the surroundings make of an outcome of their part. *)
Definition before (o : outcome) (q : proc) : outcome :=
  match o with Go p => Go (Seq p q) | Raise e => Raise e end.
Definition beside_left (o : outcome) (q : proc) : outcome :=
  match o with Go p => Go (Par p q) | Raise e => Raise e end.
Definition beside_right (p : proc) (o : outcome) : outcome :=
  match o with Go q => Go (Par p q) | Raise e => Raise e end.
Definition guarded (o : outcome) (c : catch) (h : proc) : outcome :=
  match o with
  | Go p => Go (Try p c h)
  | Raise e => if catches c e then Go h else Raise e
  end.

Inductive step : store -> proc -> label -> store -> outcome -> Prop :=
| step_start s a :
    step s (Act a) (Started (name a)) s (Go (Running a))
| step_done s a v :
    step s (Running a) (Done (name a) v) (apply v (effect a) s) (Go Skip)
| step_failed s a e :
    In e (fails a) -> step s (Running a) (Failed (name a) e) s (Raise e)
| step_assign s x e :
    step s (Assign x e) Tau (write s x (eval 0 s e)) (Go Skip)
| step_fail s e :
    step s (Fail e) Tau s (Raise e)
| step_seq_first s p q l s' o :
    step s p l s' o -> step s (Seq p q) l s' (before o q)
| step_seq_second s p q l s' o :
    ends s p = true -> step s q l s' o -> step s (Seq p q) l s' o
(* The first step of a side resolves the choice; a side that cannot move is not chosen. *)
| step_choice_left s p q l s' o :
    step s p l s' o -> step s (Choice p q) l s' o
| step_choice_right s p q l s' o :
    step s q l s' o -> step s (Choice p q) l s' o
| step_par_left s p q l s' o :
    step s p l s' o -> step s (Par p q) l s' (beside_left o q)
| step_par_right s p q l s' o :
    step s q l s' o -> step s (Par p q) l s' (beside_right p o)
| step_then s b p q l s' o :
    holds s b = true -> step s p l s' o -> step s (If b p q) l s' o
| step_else s b p q l s' o :
    holds s b = false -> step s q l s' o -> step s (If b p q) l s' o
| step_round s b p l s' o :
    holds s b = true -> step s p l s' o -> step s (While b p) l s' (before o (While b p))
(* A round without a step is a step: otherwise control could go round silently for ever. *)
| step_again s b p :
    holds s b = true -> ends s p = true -> step s (While b p) Tau s (Go (While b p))
| step_try s p c h l s' o :
    step s p l s' o -> step s (Try p c h) l s' (guarded o c h).

#[export] Hint Constructors step : step.

(** The same rules, by whether the part goes on or raises. *)
Lemma seq_first_go s p l s' p' q : step s p l s' (Go p') -> step s (Seq p q) l s' (Go (Seq p' q)).
Proof. exact (step_seq_first _ _ _ _ _ (Go p')). Qed.
Lemma seq_first_raise s p l s' e q : step s p l s' (Raise e) -> step s (Seq p q) l s' (Raise e).
Proof. exact (step_seq_first _ _ _ _ _ (Raise e)). Qed.
Lemma par_left_go s p l s' p' q : step s p l s' (Go p') -> step s (Par p q) l s' (Go (Par p' q)).
Proof. exact (step_par_left _ _ _ _ _ (Go p')). Qed.
Lemma par_left_raise s p l s' e q : step s p l s' (Raise e) -> step s (Par p q) l s' (Raise e).
Proof. exact (step_par_left _ _ _ _ _ (Raise e)). Qed.
Lemma par_right_go s p l s' q' q : step s q l s' (Go q') -> step s (Par p q) l s' (Go (Par p q')).
Proof. exact (step_par_right _ _ _ _ _ (Go q')). Qed.
Lemma par_right_raise s p l s' e q : step s q l s' (Raise e) -> step s (Par p q) l s' (Raise e).
Proof. exact (step_par_right _ _ _ _ _ (Raise e)). Qed.
Lemma try_go s p l s' p' c h :
  step s p l s' (Go p') -> step s (Try p c h) l s' (Go (Try p' c h)).
Proof. exact (step_try _ _ _ _ _ _ (Go p')). Qed.
Lemma try_caught s p l s' e c h :
  step s p l s' (Raise e) -> catches c e = true -> step s (Try p c h) l s' (Go h).
Proof.
  intros Hs Hc. pose proof (step_try _ _ c h _ _ _ Hs) as H. cbn in H. rewrite Hc in H. exact H.
Qed.

Lemma try_passed s p l s' e c h :
  step s p l s' (Raise e) -> catches c e = false -> step s (Try p c h) l s' (Raise e).
Proof.
  intros Hs Hc. pose proof (step_try _ _ c h _ _ _ Hs) as H. cbn in H. rewrite Hc in H. exact H.
Qed.
Lemma round_go s b p l s' q :
  holds s b = true -> step s p l s' (Go q) -> step s (While b p) l s' (Go (Seq q (While b p))).
Proof. exact (step_round s b p l s' (Go q)). Qed.
Lemma round_raise s b p l s' e :
  holds s b = true -> step s p l s' (Raise e) -> step s (While b p) l s' (Raise e).
Proof. exact (step_round s b p l s' (Raise e)). Qed.

(** Steps of a process whose shape is known. *)
Ltac invert_step :=
  match goal with
  | H : step _ ?p _ _ _ |- _ =>
      match p with
      | Skip => inversion H
      | Stuck => inversion H
      | Fail _ => inversion H; subst; clear H
      | Assign _ _ => inversion H; subst; clear H
      | Act _ => inversion H; subst; clear H
      | Running _ => inversion H; subst; clear H
      | Seq _ _ => inversion H; subst; clear H
      | Choice _ _ => inversion H; subst; clear H
      | Par _ _ => inversion H; subst; clear H
      | If _ _ _ => inversion H; subst; clear H
      | While _ _ => inversion H; subst; clear H
      | Try _ _ _ => inversion H; subst; clear H
      end
  end.

(** ** What a process can become, and processes that never throw *)

Inductive reaches : proc -> proc -> Prop :=
| reaches_itself p : reaches p p
| reaches_on p s l s' q r : step s p l s' (Go q) -> reaches q r -> reaches p r.

(** Whatever its surroundings do to the data in between. *)
Definition never_throws (p : proc) : Prop :=
  forall q, reaches p q -> forall s l s' e, ~ step s q l s' (Raise e).

Lemma never_throws_step p s l s' q :
  never_throws p -> step s p l s' (Go q) -> never_throws q.
Proof. intros H Hs r Hr. apply H. eapply reaches_on; eauto. Qed.

Lemma never_throws_now p s l s' e : never_throws p -> ~ step s p l s' (Raise e).
Proof. intros H. apply H, reaches_itself. Qed.
