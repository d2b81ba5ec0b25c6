(** * Laws of [if]

    A test is taken with the first step of its branch, in the store of that step.  So each side of
    such a law has the very same steps. *)

From Theory Require Export Tactics.

Definition yes : expr := Const 1.
Definition no : expr := Const 0.
Definition Or (b c : expr) : expr := Not (And (Not b) (Not c)).

Theorem if_same b p : If b p p ~~ p.
Proof.
  apply bisimilar_same_steps; [same_ends|]. intros s l s' o; split; intros Hs; [all_steps; auto|].
  destruct (holds s b) eqn:?; find_step.
Qed.

Theorem if_not b p q : If b p q ~~ If (Not b) q p.
Proof. by_same_steps. Qed.

Theorem if_true p q : If yes p q ~~ p.
Proof.
  apply bisimilar_same_steps; [reflexivity|]. intros s l s' o; split; intros Hs.
  - invert_step; [assumption | discriminate].
  - apply step_then; [reflexivity | assumption].
Qed.

Theorem if_false p q : If no p q ~~ q.
Proof.
  apply bisimilar_same_steps; [reflexivity|]. intros s l s' o; split; intros Hs.
  - invert_step; [discriminate | assumption].
  - apply step_else; [reflexivity | assumption].
Qed.

Theorem if_nested_then b p q r : If b (If b p q) r ~~ If b p r.
Proof. by_same_steps. Qed.

Theorem if_nested_else b p q r : If b p (If b q r) ~~ If b p r.
Proof. by_same_steps. Qed.

Theorem if_swap b c p q r s :
  If b (If c p q) (If c r s) ~~ If c (If b p r) (If b q s).
Proof.
  apply bisimilar_same_steps.
  - intros st; cbn; destruct (holds st b), (holds st c); reflexivity.
  - intros st l st' o; split; intros Hs; all_steps; find_step.
Qed.

Theorem if_and b c p q : If b (If c p q) q ~~ If (And b c) p q.
Proof.
  apply bisimilar_same_steps; [same_ends|]. intros s l s' o; split; intros Hs; all_steps;
    destruct (holds s b) eqn:?, (holds s c) eqn:?; try discriminate; find_step.
Qed.

Lemma holds_or s b c : holds s (Or b c) = holds s b || holds s c.
Proof.
  unfold Or. rewrite holds_not, holds_and, !holds_not, negb_andb, !negb_involutive. reflexivity.
Qed.

Theorem if_or b c p q : If b p (If c p q) ~~ If (Or b c) p q.
Proof.
  apply bisimilar_same_steps.
  - intros s; cbn; rewrite holds_or; destruct (holds s b), (holds s c); reflexivity.
  - intros s l s' o; split; intros Hs.
    + repeat invert_step;
        (apply step_then + apply step_else; [|eassumption]); rewrite holds_or;
        repeat match goal with H : holds _ _ = _ |- _ => rewrite H end; reflexivity.
    + invert_step; rewrite holds_or in *;
        destruct (holds s b) eqn:?, (holds s c) eqn:?; try discriminate; find_step.
Qed.

Theorem if_seq_right b p q r : Seq (If b p q) r ~~ If b (Seq p r) (Seq q r).
Proof.
  apply bisimilar_same_steps; [same_ends|]. intros s l s' o; split; intros Hs; all_steps;
    destruct (holds s b) eqn:?; open_ends; find_step.
Qed.

Theorem if_choice b p q r : If b (Choice p q) r ~~ Choice (If b p r) (If b q r).
Proof. by_same_steps. Qed.

Theorem if_guards b p q : If b p q ~~ Choice (If b p Stuck) (If b Stuck q).
Proof. by_same_steps. Qed.
