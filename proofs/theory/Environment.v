(** * A fixed environment

    The environment answers every question: which side of [+], how an activity ends.  Its answers
    are a function of the occurrence: the thread that asks (its way from the root: left or right at
    each [||]) and how many questions that thread has asked before.  What is left open is which
    thread takes the next step; that is the system's own freedom. *)

From Theory Require Export Semantics.

Record input := { takes_left : bool; result : value; failure : option error }.

Definition environment := list bool -> nat -> input.

Definition on_left (env : environment) : environment := fun thread => env (true :: thread).
Definition on_right (env : environment) : environment := fun thread => env (false :: thread).

(** How many questions each thread has asked: of this one, and of those that it forks. *)
Inductive counts := Zero | Counts (here : nat) (left right : counts).

Definition here (k : counts) : nat := match k with Zero => 0 | Counts n _ _ => n end.
Definition left (k : counts) : counts := match k with Zero => Zero | Counts _ l _ => l end.
Definition right (k : counts) : counts := match k with Zero => Zero | Counts _ _ r => r end.

Definition next (k : counts) : counts := Counts (S (here k)) (left k) (right k).
Definition with_left (k l : counts) : counts := Counts (here k) l (right k).
Definition with_right (k r : counts) : counts := Counts (here k) (left k) r.

(** What this thread is answered next. *)
Definition answer (env : environment) (k : counts) : input := env [] (here k).

(** ** What a process can do next

    [Ends k]: it ends without a step, having asked what [k] counts. *)
Inductive ability := Blocked | Moves | Ends (k : counts).

Definition blocked (a : ability) : bool := match a with Blocked => true | _ => false end.

(** The side that the environment names, unless it cannot move. *)
Definition picked (named : bool) (p q : ability) : bool :=
  if named then negb (blocked p) else blocked q.

Fixpoint look (env : environment) (k : counts) (s : store) (p : proc) : ability :=
  match p with
  | Skip => Ends k
  | Stuck => Blocked
  | Fail _ | Assign _ _ | Act _ | Running _ => Moves
  | Seq p q => match look env k s p with Ends k' => look env k' s q | a => a end
  | Choice p q =>
      let a := look env (next k) s p in
      let b := look env (next k) s q in
      if picked (takes_left (answer env k)) a b then a else b
  | Par p q =>
      match look (on_left env) (left k) s p, look (on_right env) (right k) s q with
      | Ends l, Ends r => Ends (Counts (here k) l r)
      | Moves, _ | _, Moves => Moves
      | _, _ => Blocked
      end
  | If b p q => if holds s b then look env k s p else look env k s q
  | While b p =>
      if holds s b
      then match look env k s p with Blocked => Blocked | _ => Moves end
      else Ends k
  | Try p _ _ => look env k s p
  end.

Definition side (env : environment) (k : counts) (s : store) (p q : proc) : proc :=
  if picked (takes_left (answer env k)) (look env (next k) s p) (look env (next k) s q)
  then p else q.

(** How an activity ends: with the error that the environment names, if it may. *)
Definition fails_with (a : activity) (i : input) : option error :=
  match failure i with
  | Some e => if existsb (Nat.eqb e) (fails a) then Some e else None
  | None => None
  end.

(** ** Steps under an environment: only [||] leaves a choice *)
Inductive estep : environment -> counts -> store -> proc -> counts -> store -> outcome -> Prop :=
| estep_start env k s a :
    estep env k s (Act a) k s (Go (Running a))
| estep_done env k s a :
    fails_with a (answer env k) = None ->
    estep env k s (Running a) (next k) (apply (result (answer env k)) (effect a) s) (Go Skip)
| estep_failed env k s a e :
    fails_with a (answer env k) = Some e ->
    estep env k s (Running a) (next k) s (Raise e)
| estep_assign env k s x e :
    estep env k s (Assign x e) k (write s x (eval 0 s e)) (Go Skip)
| estep_fail env k s e :
    estep env k s (Fail e) k s (Raise e)
| estep_seq_first env k s p q k' s' o :
    estep env k s p k' s' o -> estep env k s (Seq p q) k' s' (before o q)
| estep_seq_second env k s p q k1 k' s' o :
    look env k s p = Ends k1 -> estep env k1 s q k' s' o -> estep env k s (Seq p q) k' s' o
| estep_choice env k s p q k' s' o :
    estep env (next k) s (side env k s p q) k' s' o -> estep env k s (Choice p q) k' s' o
| estep_par_left env k s p q l s' o :
    estep (on_left env) (left k) s p l s' o ->
    estep env k s (Par p q) (with_left k l) s' (beside_left o q)
| estep_par_right env k s p q r s' o :
    estep (on_right env) (right k) s q r s' o ->
    estep env k s (Par p q) (with_right k r) s' (beside_right p o)
| estep_if env k s b p q k' s' o :
    estep env k s (if holds s b then p else q) k' s' o -> estep env k s (If b p q) k' s' o
| estep_round env k s b p k' s' o :
    holds s b = true -> estep env k s p k' s' o ->
    estep env k s (While b p) k' s' (before o (While b p))
| estep_again env k s b p k' :
    holds s b = true -> look env k s p = Ends k' ->
    estep env k s (While b p) k' s (Go (While b p))
| estep_try env k s p c h k' s' o :
    estep env k s p k' s' o -> estep env k s (Try p c h) k' s' (guarded o c h).

#[export] Hint Constructors estep : estep.

(** ** These are steps of the process, and it ends only where it may *)

Lemma look_ends env k s p k' : look env k s p = Ends k' -> ends s p = true.
Proof.
  revert env k k'. induction p; cbn; intros env k k' H; try discriminate; try reflexivity.
  - destruct (look env k s p1) eqn:E; try discriminate. rewrite (IHp1 _ _ _ E). eauto.
  - destruct (picked _ _ _); apply orb_true_iff; eauto.
  - destruct (look (on_left env) (left k) s p1) eqn:E1,
      (look (on_right env) (right k) s p2) eqn:E2; try discriminate.
    rewrite (IHp1 _ _ _ E1), (IHp2 _ _ _ E2). reflexivity.
  - destruct (holds s b); eauto.
  - destruct (holds s b); [destruct (look env k s p); discriminate | reflexivity].
  - eauto.
Qed.

Theorem environment_steps env k s p k' s' o :
  estep env k s p k' s' o -> exists l, step s p l s' o.
Proof.
  induction 1 as [| | env k s a e F | | | env k s p q k' s' o _ [l IH]
    | env k s p q k1 k' s' o L _ [l IH] | env k s p q k' s' o _ [l IH]
    | env k s p q k' s' o _ [l IH] | env k s p q k' s' o _ [l IH]
    | env k s b p q k' s' o _ [l IH] | env k s b p k' s' o B _ [l IH] | env k s b p k' B L
    | env k s p c h k' s' o _ [l IH]]; eauto using look_ends with step.
  - exists (Failed (name a) e). constructor. unfold fails_with in F.
    destruct (failure (answer env k)) as [e'|]; [|discriminate].
    destruct (existsb (Nat.eqb e') (fails a)) eqn:X; [|discriminate].
    injection F as <-. apply existsb_exists in X as (x & Hx & Ex).
    apply Nat.eqb_eq in Ex as ->. exact Hx.
  - exists l. unfold side in IH. destruct (picked _ _ _); eauto with step.
  - exists l. destruct (holds s b) eqn:E; eauto with step.
Qed.

(** What takes a step does not end without one. *)
Lemma estep_moves env k s p k' s' o : estep env k s p k' s' o -> look env k s p = Moves.
Proof.
  induction 1; cbn; try reflexivity.
  - rewrite IHestep; reflexivity.
  - rewrite H; exact IHestep.
  - unfold side in *. destruct (picked _ _ _); exact IHestep.
  - rewrite IHestep; reflexivity.
  - rewrite IHestep. destruct (look (on_left env) (left k) s p); reflexivity.
  - destruct (holds s b); exact IHestep.
  - rewrite H, IHestep; reflexivity.
  - rewrite H, H0; reflexivity.
  - exact IHestep.
Qed.
