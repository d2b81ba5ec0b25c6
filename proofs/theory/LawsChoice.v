(** * Laws of choice

    Most sides have the very same steps: a choice is nothing but the steps of both. *)

From Theory Require Export Tactics.

Theorem choice_comm p q : Choice p q ~~ Choice q p.
Proof. by_same_steps. Qed.

Theorem choice_assoc p q r : Choice (Choice p q) r ~~ Choice p (Choice q r).
Proof. by_same_steps. Qed.

Theorem choice_idem p : Choice p p ~~ p.
Proof. by_same_steps. Qed.

(** A side that is stuck is never chosen. *)
Theorem choice_stuck p : Choice p Stuck ~~ p.
Proof. by_same_steps. Qed.

Theorem choice_seq_right p q r : Seq (Choice p q) r ~~ Choice (Seq p r) (Seq q r).
Proof. by_same_steps. Qed.
