(** * Laws of parallel composition *)

From Theory Require Export Tactics.

Inductive swapped : relation :=
| swapped_here p q : swapped (Par p q) (Par q p).

Theorem par_comm p q : Par p q ~~ Par q p.
Proof. by_relation swapped; [same_ends | answer_all | answer_all]. Qed.

Inductive par_moved : relation :=
| par_moved_here p q r : par_moved (Par (Par p q) r) (Par p (Par q r)).

(** Nested [||] is no frame: an error anywhere ends all three. *)
Theorem par_assoc p q r : Par (Par p q) r ~~ Par p (Par q r).
Proof. by_relation par_moved; [same_ends | answer_all | answer_all]. Qed.

Inductive beside_skip : relation :=
| beside_skip_here p : beside_skip (Par p Skip) p.

Theorem par_skip p : Par p Skip ~~ p.
Proof. by_relation beside_skip; [same_ends | answer_all | answer_all]. Qed.

Inductive beside_stuck : relation :=
| beside_stuck_here p : beside_stuck (Par p Stuck) (Seq p Stuck).

Theorem par_stuck p : Par p Stuck ~~ Seq p Stuck.
Proof. by_relation beside_stuck; [same_ends | answer_all | answer_all]. Qed.

Theorem par_fail_fail e : Par (Fail e) (Fail e) ~~ Fail e.
Proof.
  apply bisimilar_same_steps; [same_ends|]. intros s l s' o; split; intros Hs; all_steps;
    try apply step_fail.
  exact (step_par_left _ _ _ _ _ _ (step_fail _ e)).
Qed.

(** For steps that do not last, [||] is the choice of the order.  Two different variables are not
    even needed: whoever is second wins in both. *)
Theorem par_expand_atomic x e y f :
  Par (Assign x e) (Assign y f)
  ~~ Choice (Seq (Assign x e) (Assign y f)) (Seq (Assign y f) (Assign x e)).
Proof.
  apply (bisimilar_by (fun l r => l = Par (Assign x e) (Assign y f) /\
    r = Choice (Seq (Assign x e) (Assign y f)) (Seq (Assign y f) (Assign x e)))); [|auto].
  intros l r [-> ->]. split; [same_ends|].
  assert (H1 : Par Skip (Assign y f) ~~ Seq Skip (Assign y f))
    by (rewrite par_comm, par_skip; by_same_steps).
  assert (H2 : Par (Assign x e) Skip ~~ Seq Skip (Assign x e))
    by (rewrite par_skip; by_same_steps).
  split; intros s l' s' o Hs; all_steps.
  - eexists; split; [apply step_choice_left, step_seq_first, step_assign | right; exact H1].
  - eexists; split; [apply step_choice_right, step_seq_first, step_assign | right; exact H2].
  - eexists; split; [apply step_par_left, step_assign | right; exact H1].
  - eexists; split; [apply step_par_right, step_assign | right; exact H2].
Qed.
