(** * Bisimilarity is a congruence for every operator of the core

    One relation does it: [alike] holds of two processes that are built in the same way from
    bisimilar parts.  It is a bisimulation, so a law may be used anywhere in a process. *)

From Theory Require Export Bisimulation.

Inductive alike : relation :=
| alike_bisimilar p q : p ~~ q -> alike p q
| alike_seq p p' q q' : alike p p' -> alike q q' -> alike (Seq p q) (Seq p' q')
| alike_choice p p' q q' : alike p p' -> alike q q' -> alike (Choice p q) (Choice p' q')
| alike_par p p' q q' : alike p p' -> alike q q' -> alike (Par p q) (Par p' q')
| alike_if b p p' q q' : alike p p' -> alike q q' -> alike (If b p q) (If b p' q')
| alike_while b p p' : alike p p' -> alike (While b p) (While b p')
| alike_try p p' c h h' : alike p p' -> alike h h' -> alike (Try p c h) (Try p' c h').

#[local] Hint Constructors alike : core.
#[local] Hint Resolve alike_bisimilar : core.

Lemma alike_sym p q : alike p q -> alike q p.
Proof. induction 1; auto. apply alike_bisimilar. symmetry; assumption. Qed.

Lemma alike_ends s p q : alike p q -> ends s p = ends s q.
Proof.
  induction 1; cbn; try congruence.
  - destruct (bisimilar_matched _ _ H) as (He & _). apply He.
  - destruct (holds s b); assumption.
Qed.

(** A part takes its step; the hypothesis about that part answers it. *)
Ltac answer_part :=
  match goal with
  | IH : answered alike ?p _, H : step _ ?p _ _ _ |- _ =>
      destruct (IH _ _ _ _ H) as (? & ? & ?); clear H
  end.

(** Surroundings act on related outcomes in the same way. *)
Lemma alike_before o o' q q' :
  related alike o o' -> alike q q' -> related alike (before o q) (before o' q').
Proof. destruct o, o'; cbn; auto; tauto. Qed.

Lemma alike_beside_left o o' q q' :
  related alike o o' -> alike q q' -> related alike (beside_left o q) (beside_left o' q').
Proof. destruct o, o'; cbn; auto; tauto. Qed.

Lemma alike_beside_right p p' o o' :
  alike p p' -> related alike o o' -> related alike (beside_right p o) (beside_right p' o').
Proof. destruct o, o'; cbn; auto; tauto. Qed.

Lemma alike_guarded o o' c h h' :
  related alike o o' -> alike h h' -> related alike (guarded o c h) (guarded o' c h').
Proof.
  destruct o, o'; cbn; auto; try tauto. intros <- H. destruct (catches c e); cbn; auto.
Qed.

#[local] Hint Resolve alike_before alike_beside_left alike_beside_right alike_guarded : core.

Lemma alike_answered p q : alike p q -> answered alike p q.
Proof.
  induction 1; intros s l s' o Hs.
  - destruct (bisimilar_matched _ _ H) as (_ & A & _).
    destruct (A _ _ _ _ Hs) as (o' & ? & ?). exists o'.
    split; [assumption|]. eapply related_mono; [|eassumption]. auto.
  - (* sequence: the first part ends where the first part of the other does *)
    inversion Hs; subst; answer_part; [eauto with step|].
    eexists. split; [apply step_seq_second; [erewrite <- alike_ends|]|]; eassumption.
  - (* choice *) inversion Hs; subst; answer_part; eauto with step.
  - (* parallel *) inversion Hs; subst; answer_part; eauto with step.
  - (* if *) inversion Hs; subst; answer_part; eauto with step.
  - (* while *)
    inversion Hs; subst; [answer_part; eauto 6 with step|].
    eexists. split; [apply step_again; [|erewrite <- alike_ends]; eassumption | cbn; auto].
  - (* try *) inversion Hs; subst; answer_part; eauto with step.
Qed.

Lemma alike_is_bisimulation : bisimulation alike.
Proof.
  intros p q H. split; [intros s; apply alike_ends; assumption|]. split.
  - apply alike_answered; assumption.
  - intros s l s' o Hs. destruct (alike_answered _ _ (alike_sym _ _ H) _ _ _ _ Hs) as (o' & ? & R).
    exists o'. split; [assumption|]. eapply related_mono; [|exact R]. apply alike_sym.
Qed.

Lemma alike_bisim p q : alike p q -> p ~~ q.
Proof. intros H. exists alike. split; [apply alike_is_bisimulation | exact H]. Qed.

(** The congruences, in the form that lets laws rewrite anywhere. *)

#[export] Instance seq_congruence : Proper (bisimilar ==> bisimilar ==> bisimilar) Seq.
Proof. intros p p' H q q' H'. apply alike_bisim; auto. Qed.

#[export] Instance choice_congruence : Proper (bisimilar ==> bisimilar ==> bisimilar) Choice.
Proof. intros p p' H q q' H'. apply alike_bisim; auto. Qed.

#[export] Instance par_congruence : Proper (bisimilar ==> bisimilar ==> bisimilar) Par.
Proof. intros p p' H q q' H'. apply alike_bisim; auto. Qed.

#[export] Instance if_congruence b : Proper (bisimilar ==> bisimilar ==> bisimilar) (If b).
Proof. intros p p' H q q' H'. apply alike_bisim; auto. Qed.

#[export] Instance while_congruence b : Proper (bisimilar ==> bisimilar) (While b).
Proof. intros p p' H. apply alike_bisim; auto. Qed.

#[export] Instance try_congruence :
  Proper (bisimilar ==> eq ==> bisimilar ==> bisimilar) Try.
Proof. intros p p' H c _ <- h h' H'. apply alike_bisim; auto. Qed.

(** All in one, as the table of theorems names it. *)
Theorem bisimilar_congruence :
  forall p p' q q', p ~~ p' -> q ~~ q' ->
    Seq p q ~~ Seq p' q' /\ Choice p q ~~ Choice p' q' /\ Par p q ~~ Par p' q' /\
    (forall b, If b p q ~~ If b p' q') /\ (forall b, While b p ~~ While b p') /\
    (forall c, Try p c q ~~ Try p' c q').
Proof. intros p p' q q' H H'. repeat split; intros; rewrite ?H, ?H'; reflexivity. Qed.
