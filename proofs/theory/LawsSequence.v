(** * Laws of sequence *)

From Theory Require Export Tactics.

Inductive assoc : relation :=
| assoc_here p q r : assoc (Seq (Seq p q) r) (Seq p (Seq q r)).

Theorem seq_assoc p q r : Seq (Seq p q) r ~~ Seq p (Seq q r).
Proof. by_relation assoc; [same_ends | answer_all | answer_all]. Qed.

Theorem seq_skip_left p : Seq Skip p ~~ p.
Proof. by_same_steps. Qed.

Inductive skip_after : relation :=
| skip_after_here p : skip_after (Seq p Skip) p.

Theorem seq_skip_right p : Seq p Skip ~~ p.
Proof. by_relation skip_after; [same_ends | answer_all | answer_all]. Qed.

Theorem seq_stuck_left p : Seq Stuck p ~~ Stuck.
Proof. by_same_steps. Qed.

Theorem seq_fail_left e p : Seq (Fail e) p ~~ Fail e.
Proof.
  apply (bisimilar_by (fun x y => x = Seq (Fail e) p /\ y = Fail e)); [|auto].
  intros x y [-> ->]. split; [same_ends | split; answer_all].
Qed.
