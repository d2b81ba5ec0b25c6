(** * Traces, and refinement

    A trace of a process tells each step with the store before and after it; between two steps
    anything may happen to the data, since the surroundings run as well.  A trace is over where the
    process may end, or with a step that raises an error.  Internal steps are told.  So
    inclusion of traces ([refines]) is kept by all operators (Refinement.v), and is finer than what
    a user sees (Runs.v). *)

From Theory Require Export Bisimulation.

Inductive event :=
| Moved (s : store) (l : label) (s' : store)
| Over (s : store)
| Threw (s : store) (l : label) (s' : store) (e : error).

Inductive trace : proc -> list event -> Prop :=
| trace_stop p : trace p []
| trace_over s p : ends s p = true -> trace p [Over s]
| trace_go s p l s' q t :
    step s p l s' (Go q) -> trace q t -> trace p (Moved s l s' :: t)
| trace_raise s p l s' e :
    step s p l s' (Raise e) -> trace p [Threw s l s' e].

#[export] Hint Constructors trace : trace.

(** Everything that [p] does, [q] may do. *)
Definition refines (p q : proc) : Prop := forall t, trace p t -> trace q t.
Definition same_traces (p q : proc) : Prop := refines p q /\ refines q p.

Infix "<<=" := refines (at level 70).
Infix "=t=" := same_traces (at level 70).

#[export] Instance refines_preorder : PreOrder refines.
Proof. split; [intros p t H; exact H | intros p q r H H' t Ht; apply H', H, Ht]. Qed.

#[export] Instance same_traces_equivalence : Equivalence same_traces.
Proof.
  split.
  - intros p; split; reflexivity.
  - intros p q [H H']; split; assumption.
  - intros p q r [H H'] [K K']; split; etransitivity; eassumption.
Qed.

Lemma bisimilar_refines p q : p ~~ q -> p <<= q.
Proof.
  intros H t Ht. revert q H. induction Ht; intros x H0;
    destruct (bisimilar_matched _ _ H0) as (E & A & _).
  - constructor.
  - constructor. rewrite <- E; assumption.
  - destruct (A _ _ _ _ H) as ([y | e] & Hs & R); cbn in R; [|tauto].
    econstructor; eauto.
  - destruct (A _ _ _ _ H) as ([y | e'] & Hs & R); cbn in R; [tauto | subst].
    constructor; assumption.
Qed.

Theorem bisimilar_same_traces p q : p ~~ q -> p =t= q.
Proof. intros H; split; apply bisimilar_refines; [exact H | symmetry; exact H]. Qed.

(** How inclusion is proved: [R] relates a process to those that, together, do what it does. *)
Lemma refines_by (R : relation) :
  (forall p q, R p q -> forall s, ends s p = true -> ends s q = true) ->
  (forall p q, R p q -> forall s l s' o, step s p l s' o ->
     exists o', step s q l s' o' /\ related (fun x y => R x y \/ x <<= y) o o') ->
  forall p q, R p q -> p <<= q.
Proof.
  intros HE HS p q H t Ht.
  assert (K : R p q \/ p <<= q) by (left; exact H). clear H. revert q K.
  induction Ht; intros y [H1 | H1]; try (apply H1; eauto with trace; fail).
  - constructor.
  - constructor. eapply HE; eauto.
  - destruct (HS _ _ H1 _ _ _ _ H) as ([z | e] & Hs & Hr); cbn in Hr; [|tauto].
    econstructor; eauto.
  - destruct (HS _ _ H1 _ _ _ _ H) as ([z | e'] & Hs & Hr); cbn in Hr; [tauto | subst].
    constructor; assumption.
Qed.

(** ** Laws of traces that are none of bisimulation *)

Lemma choice_refined_left p q : p <<= Choice p q.
Proof.
  apply (refines_by (fun x y => y = Choice x q)); [| |reflexivity].
  - intros x y -> s E; cbn; rewrite E; reflexivity.
  - intros x y -> s l s' o Hs. exists o. split; [apply step_choice_left; exact Hs|].
    apply related_refl. intros z; right; reflexivity.
Qed.

Lemma choice_refined_right p q : q <<= Choice p q.
Proof.
  apply (refines_by (fun x y => y = Choice p x)); [| |reflexivity].
  - intros x y -> s E; cbn; rewrite E; apply orb_true_r.
  - intros x y -> s l s' o Hs. exists o. split; [apply step_choice_right; exact Hs|].
    apply related_refl. intros z; right; reflexivity.
Qed.

Lemma choice_least p q r : p <<= r -> q <<= r -> Choice p q <<= r.
Proof.
  intros H H' t Ht. inversion Ht; subst; try invert_step.
  - constructor.
  - cbn in H0. apply orb_prop in H0. destruct H0; [apply H | apply H']; constructor; assumption.
  - apply H; econstructor; eassumption.
  - apply H'; econstructor; eassumption.
  - apply H; constructor; assumption.
  - apply H'; constructor; assumption.
Qed.

(** What [p ; (q + r)] does, one of [p ; q] and [p ; r] does: the trace tells which side was
    taken.  Which of the two it is, is open until then; so this is no bisimulation. *)
Lemma seq_choice_either p q r t :
  trace (Seq p (Choice q r)) t -> trace (Seq p q) t \/ trace (Seq p r) t.
Proof.
  intros Ht. remember (Seq p (Choice q r)) as x eqn:E. revert p E.
  induction Ht; intros x ->.
  - left; constructor.
  - cbn in H. apply andb_prop in H as [H1 H2]. apply orb_prop in H2 as [H2 | H2];
      [left | right]; constructor; cbn; rewrite H1, H2; reflexivity.
  - invert_step; [|invert_step].
    + destruct o; [|discriminate]. match goal with E : _ = Go q0 |- _ => injection E as <- end.
      destruct (IHHt _ eq_refl); [left | right];
        (eapply trace_go; [exact (step_seq_first _ _ _ _ _ (Go p) ltac:(eassumption)) | assumption]).
    + left. eapply trace_go; [apply step_seq_second|]; eassumption.
    + right. eapply trace_go; [apply step_seq_second|]; eassumption.
  - invert_step; [|invert_step].
    + destruct o; [discriminate|]. match goal with E : _ = Raise e |- _ => injection E as -> end.
      left. apply trace_raise. exact (step_seq_first _ _ _ _ _ (Raise e) ltac:(eassumption)).
    + left. apply trace_raise. apply step_seq_second; assumption.
    + right. apply trace_raise. apply step_seq_second; assumption.
Qed.
