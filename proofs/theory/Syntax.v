(** * The core of the language: data, activities, processes

    What a process means is in [Semantics.v]; what the core leaves out is in docs/theory.md. *)

From Coq Require Export List Arith Bool.
Export ListNotations.

(** ** Data

    Values are natural numbers.  A store holds the declared variables, by number.  What is not
    declared reads as 0 and cannot be written: so two stores that read alike and have the same
    length are the same store, and no axiom about functions is needed to say that steps commute. *)

Definition var := nat.
Definition value := nat.
Definition error := nat.
Definition store := list value.

Definition read (s : store) (x : var) : value := nth x s 0.

Fixpoint write (s : store) (x : var) (v : value) : store :=
  match s, x with
  | [], _ => []
  | _ :: rest, 0 => v :: rest
  | w :: rest, S y => w :: write rest y v
  end.

(** [Op] holds any operation at all, so the language of expressions has no bounds of its own:
    only what an expression reads is syntax.  [Answer] is the result that the environment gave;
    it means something only in the effect of an activity. *)
Inductive expr :=
| Const (v : value)
| Var (x : var)
| Answer
| Op (f : value -> value -> value) (e1 e2 : expr).

Fixpoint eval (answer : value) (s : store) (e : expr) : value :=
  match e with
  | Const v => v
  | Var x => read s x
  | Answer => answer
  | Op f e1 e2 => f (eval answer s e1) (eval answer s e2)
  end.

(** A test is an expression that is not 0. *)
Definition holds (s : store) (b : expr) : bool := negb (eval 0 s b =? 0).
Definition Not (b : expr) : expr := Op (fun v _ => if v =? 0 then 1 else 0) b (Const 0).
Definition And (a b : expr) : expr := Op (fun v w => if (v =? 0) || (w =? 0) then 0 else 1) a b.

(** ** Activities

    [effect] is what the activity's [do] assigns when it completes: one assignment after the
    other, each seeing those before it.  [fails] are the errors with which it may fail. *)
Record activity := {
  name : nat;
  effect : list (var * expr);
  fails : list error
}.

Definition apply (answer : value) (effect : list (var * expr)) (s : store) : store :=
  fold_left (fun s '(x, e) => write s x (eval answer s e)) effect s.

(** ** Processes *)

(** What [catch] names: [*] or one error. *)
Inductive catch := Any | Only (e : error).

Definition catches (c : catch) (e : error) : bool :=
  match c with Any => true | Only e' => e =? e' end.

(** [Running a] is no syntax of the language: it is an activity between its start and its end. *)
Inductive proc :=
| Skip
| Stuck
| Fail (e : error)
| Assign (x : var) (e : expr)
| Act (a : activity)
| Running (a : activity)
| Seq (p q : proc)
| Choice (p q : proc)
| Par (p q : proc)
| If (b : expr) (p q : proc)
| While (b : expr) (p : proc)
| Try (p : proc) (c : catch) (h : proc).

Lemma holds_not s b : holds s (Not b) = negb (holds s b).
Proof. unfold holds; cbn. destruct (eval 0 s b =? 0); reflexivity. Qed.

Lemma holds_and s a b : holds s (And a b) = holds s a && holds s b.
Proof.
  unfold holds; cbn. destruct (eval 0 s a =? 0), (eval 0 s b =? 0); reflexivity.
Qed.
