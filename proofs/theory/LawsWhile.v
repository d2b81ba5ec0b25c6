(** * Laws of [while] *)

From Theory Require Export LawsIf.

(** A round that took no step is a step ([step_again]); unfolded, that is the loop's own step. *)
Theorem while_unfold b p : While b p ~~ If b (Seq p (While b p)) Skip.
Proof.
  by_same_steps.
Qed.

Theorem while_false p : While no p ~~ Skip.
Proof.
  apply bisimilar_same_steps; [reflexivity|].
  intros s l s' o; split; intros Hs; invert_step; discriminate.
Qed.

Theorem while_stuck b : While b Stuck ~~ If b Stuck Skip.
Proof. by_same_steps. Qed.

Theorem while_fail b e : While b (Fail e) ~~ If b (Fail e) Skip.
Proof.
  apply bisimilar_same_steps; [same_ends|]. intros s l s' o; split; intros Hs; all_steps.
  - apply step_then; [assumption | apply step_fail].
  - apply (step_round _ _ _ _ _ (Raise e)); [assumption | apply step_fail].
Qed.

(** What follows a loop that never ends is never reached: also where the loop throws. *)
Inductive never_after (p q : proc) : relation :=
| never_after_here : never_after p q (Seq (While yes p) q) (While yes p)
| never_after_later r : never_after p q (Seq (Seq r (While yes p)) q) (Seq r (While yes p)).

Theorem while_true_seq p q : Seq (While yes p) q ~~ While yes p.
Proof.
  by_relation (never_after p q); try (intros s; cbn; rewrite ?andb_false_r; reflexivity);
    intros s l s' o Hs; repeat (invert_step; open_ends; try discriminate);
    (eexists; split; [find_step | lead_on]).
Qed.

(** The second loop finds its test false where the first has ended. *)
Inductive looped_twice (b : expr) (p : proc) : relation :=
| looped_twice_here : looped_twice b p (Seq (While b p) (While b p)) (While b p)
| looped_twice_later r :
    looped_twice b p (Seq (Seq r (While b p)) (While b p)) (Seq r (While b p)).

Theorem while_twice b p : Seq (While b p) (While b p) ~~ While b p.
Proof.
  by_relation (looped_twice b p); [same_ends | answer_all | answer_all | same_ends | |];
    answer_all.
Qed.

Inductive tested_in_loop (b : expr) (p q : proc) : relation :=
| tested_here : tested_in_loop b p q (While b (If b p q)) (While b p)
| tested_later r :
    tested_in_loop b p q (Seq r (While b (If b p q))) (Seq r (While b p)).

Theorem while_if b p q : While b (If b p q) ~~ While b p.
Proof. by_relation (tested_in_loop b p q); try same_ends; answer_all. Qed.

Inductive tested_after (b : expr) (p q r : proc) : relation :=
| tested_after_here : tested_after b p q r (Seq (While b p) (If b q r)) (Seq (While b p) r)
| tested_after_later x :
    tested_after b p q r (Seq (Seq x (While b p)) (If b q r)) (Seq (Seq x (While b p)) r).

(** The test is the negation of the one that ended the loop, in the same store. *)
Theorem while_then_if b p q r : Seq (While b p) (If b q r) ~~ Seq (While b p) r.
Proof. by_relation (tested_after b p q r); try same_ends; answer_all. Qed.

Inductive loop_in_loop (b : expr) (p : proc) : relation :=
| loop_in_loop_here : loop_in_loop b p (While b (While b p)) (While b p)
| loop_in_loop_inside :
    loop_in_loop b p (Seq (While b p) (While b (While b p))) (While b p)
| loop_in_loop_later r :
    loop_in_loop b p (Seq (Seq r (While b p)) (While b (While b p))) (Seq r (While b p)).

Theorem while_nested b p : While b (While b p) ~~ While b p.
Proof. by_relation (loop_in_loop b p); try same_ends; answer_all. Qed.

(** A round that may be two rounds. *)
Inductive unrolled (b : expr) (p : proc) : relation :=
| unrolled_here :
    unrolled b p (While b p) (While b (Seq p (If b p Skip)))
| unrolled_first r :
    unrolled b p (Seq r (While b p))
      (Seq (Seq r (If b p Skip)) (While b (Seq p (If b p Skip))))
| unrolled_second r :
    unrolled b p (Seq r (While b p)) (Seq r (While b (Seq p (If b p Skip)))).

Theorem while_unroll b p : While b p ~~ While b (Seq p (If b p Skip)).
Proof. by_relation (unrolled b p); try same_ends; answer_all. Qed.

(** What may end without a step would take the round of the other loop with it. *)
Definition moves (p : proc) : Prop := forall s, ends s p = false.

Inductive either_loop (b c : expr) (p : proc) : relation :=
| either_loop_here :
    either_loop b c p (While (Or b c) p) (Seq (While b p) (While c (Seq p (While b p))))
| either_loop_first r :
    either_loop b c p (Seq r (While (Or b c) p))
      (Seq (Seq r (While b p)) (While c (Seq p (While b p)))).

Theorem while_or b c p :
  moves p -> While (Or b c) p ~~ Seq (While b p) (While c (Seq p (While b p))).
Proof.
  intros Hm. by_relation (either_loop b c p);
    try (intros s; cbn; rewrite holds_or;
         destruct (holds s b), (holds s c); cbn; rewrite ?andb_true_r, ?andb_false_r; reflexivity);
    intros s l s' o Hs; all_steps; try rewrite holds_or in *;
    repeat match goal with H : ends _ p = true |- _ => rewrite Hm in H; discriminate end;
    destruct (holds s b) eqn:?, (holds s c) eqn:?; try discriminate;
    try assert (holds s (Or b c) = true) by
      (rewrite holds_or;
       repeat match goal with H : holds _ _ = _ |- _ => rewrite H end; reflexivity);
    (eexists; split; [find_step | lead_on]).
Qed.
