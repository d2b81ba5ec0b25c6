(** * The core, executed

    The steps of a process as a list; and all that it may do.  tests/proofs/test_core_agrees.py runs
    this on random terms and compares with the steps of the rules that the tool makes of the same
    text: so the model is the language's, and not only called so. *)

From Theory Require Export Semantics.

Definition taken : Type := label * store * outcome.

Definition with_outcome (f : outcome -> outcome) : taken -> taken :=
  fun '(l, s, o) => (l, s, f o).

(** [answers]: the results that the environment may give. *)
Fixpoint steps (answers : list value) (s : store) (p : proc) : list taken :=
  match p with
  | Skip | Stuck => []
  | Fail e => [(Tau, s, Raise e)]
  | Assign x e => [(Tau, write s x (eval 0 s e), Go Skip)]
  | Act a => [(Started (name a), s, Go (Running a))]
  | Running a =>
      map (fun v => (Done (name a) v, apply v (effect a) s, Go Skip)) answers ++
      map (fun e => (Failed (name a) e, s, Raise e)) (fails a)
  | Seq p q =>
      map (with_outcome (fun o => before o q)) (steps answers s p) ++
      (if ends s p then steps answers s q else [])
  | Choice p q => steps answers s p ++ steps answers s q
  | Par p q =>
      map (with_outcome (fun o => beside_left o q)) (steps answers s p) ++
      map (with_outcome (fun o => beside_right p o)) (steps answers s q)
  | If b p q => if holds s b then steps answers s p else steps answers s q
  | While b p =>
      if holds s b then
        map (with_outcome (fun o => before o (While b p))) (steps answers s p) ++
        (if ends s p then [(Tau, s, Go (While b p))] else [])
      else []
  | Try p c h => map (with_outcome (fun o => guarded o c h)) (steps answers s p)
  end.

Lemma in_with_outcome f l s o steps :
  In (l, s, o) (map (with_outcome f) steps) <-> exists o', o = f o' /\ In (l, s, o') steps.
Proof.
  rewrite in_map_iff. split.
  - intros ([[l1 s1] o1] & E & H). injection E as <- <- <-. eauto.
  - intros (o' & -> & H). exists (l, s, o'). auto.
Qed.

Ltac open_list :=
  repeat match goal with
  | H : In _ (_ ++ _) |- _ => apply in_app_or in H as [H | H]
  | H : In _ (map (with_outcome _) _) |- _ => apply in_with_outcome in H as (? & -> & H)
  | H : In _ (if ?b then _ else _) |- _ => destruct b eqn:?
  | H : In _ (map _ _) |- _ => apply in_map_iff in H as (? & E & H); injection E as <- <- <-
  | H : In _ [_] |- _ => destruct H as [H | []]; injection H as <- <- <-
  | H : In _ [] |- _ => destruct H
  end.

Lemma steps_sound answers s p l s' o : In (l, s', o) (steps answers s p) -> step s p l s' o.
Proof. revert l s' o. induction p; cbn [steps]; intros l s' o H; open_list; eauto with step. Qed.

Definition possible (answers : list value) (l : label) : Prop :=
  match l with Done _ v => In v answers | _ => True end.

Lemma steps_complete answers s p l s' o :
  step s p l s' o -> possible answers l -> In (l, s', o) (steps answers s p).
Proof.
  induction 1; cbn; intros Hl; try specialize (IHstep Hl); rewrite ?in_app_iff, ?in_with_outcome;
    repeat match goal with H : _ = true |- _ => rewrite H | H : _ = false |- _ => rewrite H end;
    rewrite ?in_app_iff, ?in_with_outcome; cbn; eauto 6.
  - left. apply in_map_iff. eauto.
  - right. apply in_map_iff. eauto.
Qed.

Theorem interpreter_agrees answers s p l s' o :
  possible answers l -> (In (l, s', o) (steps answers s p) <-> step s p l s' o).
Proof. intros H. split; [apply steps_sound | intros Hs; apply steps_complete; assumption]. Qed.

(** ** All that a process may do, unfolded *)

(** A state: whether it may end here, its data, its steps.  [Cut]: there is more. *)
Inductive tree :=
| Tree (over : bool) (s : store) (next : list (label * following))
| Cut
with following :=
| Goes (t : tree)
| Raises (e : error) (s : store).

Fixpoint unfold (n : nat) (answers : list value) (s : store) (p : proc) : tree :=
  match n, steps answers s p with
  | _, [] => Tree (ends s p) s []
  | 0, _ => Cut
  | S m, next =>
      Tree (ends s p) s
        (map (fun '(l, s', o) =>
           (l, match o with
               | Go q => Goes (unfold m answers s' q)
               | Raise e => Raises e s'
               end)) next)
  end.
