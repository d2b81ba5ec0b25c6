(** * Refinement: kept by all operators, and the laws that hold of traces only *)

From Coq Require Import Lia.
From Theory Require Export Composition LawsParallel.

(** ** A part may be replaced by one that refines it *)

Lemma seq_refines p p' q q' : p <<= p' -> q <<= q' -> Seq p q <<= Seq p' q'.
Proof.
  intros Hp Hq t Ht. apply seq_trace_sound.
  destruct (seq_trace_complete _ _ _ Ht) as [H Hu | t1 x t2 -> H1 H2].
  - apply seq_trace_first; auto.
  - apply (seq_trace_both _ _ _ t1 x t2); auto.
Qed.

Lemma par_refines p p' q q' : p <<= p' -> q <<= q' -> Par p q <<= Par p' q'.
Proof.
  intros Hp Hq t Ht. destruct (par_trace_complete _ _ _ Ht) as (t1 & t2 & H1 & H2 & Hm).
  eapply par_trace_sound; eauto.
Qed.

Lemma choice_refines p p' q q' : p <<= p' -> q <<= q' -> Choice p q <<= Choice p' q'.
Proof.
  intros Hp Hq. apply choice_least; (etransitivity; [eassumption|]).
  - apply choice_refined_left.
  - apply choice_refined_right.
Qed.

Lemma try_refines p p' c h h' : p <<= p' -> h <<= h' -> Try p c h <<= Try p' c h'.
Proof.
  intros Hp Hh t Ht. apply try_trace_sound.
  destruct (try_trace_complete _ _ _ _ Ht) as [t H Hc | t1 s l s' e t2 H1 Hc H2].
  - apply try_trace_body; auto.
  - eapply try_trace_caught; eauto.
Qed.

Lemma if_refines b p p' q q' : p <<= p' -> q <<= q' -> If b p q <<= If b p' q'.
Proof.
  intros Hp Hq [|x t] Ht; [constructor|].
  destruct (holds (at_store x) b) eqn:E.
  - apply (trace_first p'); [cbn; rewrite E; auto | eauto with step|]. apply Hp.
    revert Ht. apply trace_first; [cbn; rewrite E; auto|].
    intros l s' o Hs; inversion Hs; subst; congruence.
  - apply (trace_first q'); [cbn; rewrite E; auto | eauto with step|]. apply Hq.
    revert Ht. apply trace_first; [cbn; rewrite E; auto|].
    intros l s' o Hs; inversion Hs; subst; congruence.
Qed.

(** A loop: round by round, by the length of the trace. *)
Lemma while_first_round b p t x :
  holds (at_store x) b = true -> trace (Seq p (While b p)) (x :: t) -> trace (While b p) (x :: t).
Proof.
  intros Hb Ht. apply (bisimilar_refines _ _ (symmetry (while_unfold b p))).
  revert Ht. apply trace_first; [cbn; rewrite Hb; auto | eauto with step].
Qed.

Lemma while_refines b p p' : p <<= p' -> While b p <<= While b p'.
Proof.
  intros Hp t. remember (length t) as n eqn:E. revert t E.
  induction n as [n IH] using lt_wf_ind. intros t -> Ht.
  inversion Ht; subst; [constructor | constructor; assumption | |].
  - invert_step.
    + (* a round that goes on *)
      open_outcome. destruct (seq_trace_complete _ _ _ H0) as [H1 Hu | t1 x t2 -> H1 H2].
      * apply while_first_round; [assumption|]. apply seq_trace_sound, seq_trace_first.
        { apply Hp. econstructor; eassumption. }
        { intros s1 [D | Hin]; [discriminate | eapply Hu; eassumption]. }
      * apply while_first_round; [assumption|]. apply seq_trace_sound.
        apply (seq_trace_both _ _ _ (Moved s l s' :: t1) x t2); [reflexivity | |].
        { apply Hp. cbn. econstructor; eassumption. }
        { eapply IH; [|reflexivity | exact H2]. cbn. rewrite app_length; cbn. lia. }
    + (* a round without a step *)
      econstructor; [apply step_again; [assumption|]|].
      * assert (T : trace p' [Over s']) by (apply Hp; constructor; assumption).
        inversion T; assumption.
      * eapply IH; [|reflexivity | exact H0]. cbn. apply le_n.
  - invert_step. open_outcome. apply while_first_round; [assumption|].
    apply seq_trace_sound, seq_trace_first.
    + apply Hp. constructor; assumption.
    + intros s1 [D | []]; discriminate.
Qed.

(** All in one, as the table of theorems names it. *)
Theorem refines_congruence :
  forall p p' q q', p <<= p' -> q <<= q' ->
    Seq p q <<= Seq p' q' /\ Choice p q <<= Choice p' q' /\ Par p q <<= Par p' q' /\
    (forall b, If b p q <<= If b p' q') /\ (forall b, While b p <<= While b p') /\
    (forall c, Try p c q <<= Try p' c q').
Proof.
  auto 10 using seq_refines, choice_refines, par_refines, if_refines, while_refines, try_refines.
Qed.

(** ** Laws that hold of traces, and not of bisimulation (Branching.v, Failing.v) *)

Theorem choice_seq_left p q r : Seq p (Choice q r) =t= Choice (Seq p q) (Seq p r).
Proof.
  split.
  - intros t Ht. destruct (seq_choice_either _ _ _ _ Ht);
      [apply choice_refined_left | apply choice_refined_right]; assumption.
  - apply choice_least; apply seq_refines; try reflexivity;
      [apply choice_refined_left | apply choice_refined_right].
Qed.

(** A trace of a choice is one of a side. *)
Lemma choice_either p q t : trace (Choice p q) t -> trace p t \/ trace q t.
Proof.
  inversion 1; subst; try invert_step; eauto with trace.
  match goal with H : ends _ _ = true |- _ => cbn in H; apply orb_prop in H as [H | H] end;
    eauto with trace.
Qed.

Theorem par_choice p q r : Par p (Choice q r) =t= Choice (Par p q) (Par p r).
Proof.
  split.
  - intros t Ht. destruct (par_trace_complete _ _ _ Ht) as (t1 & t2 & H1 & H2 & Hm).
    destruct (choice_either _ _ _ H2);
      [apply choice_refined_left | apply choice_refined_right]; eapply par_trace_sound; eauto.
  - apply choice_least; apply par_refines; try reflexivity;
      [apply choice_refined_left | apply choice_refined_right].
Qed.

Theorem try_handler_choice p c h k :
  Try p c (Choice h k) =t= Choice (Try p c h) (Try p c k).
Proof.
  split.
  - intros t Ht.
    destruct (try_trace_complete _ _ _ _ Ht) as [t H Hc | t1 s l s' e t2 H1 Hc H2].
    + apply choice_refined_left, try_trace_sound, try_trace_body; assumption.
    + destruct (choice_either _ _ _ H2); [apply choice_refined_left | apply choice_refined_right];
        apply try_trace_sound; eapply try_trace_caught; eauto.
  - apply choice_least; apply try_refines; try reflexivity;
      [apply choice_refined_left | apply choice_refined_right].
Qed.

(** ** Inclusions: one order of two things is a way to do both

    Of processes whose ends do not hang on a test: [if (b) { skip } else { stuck }] may end now and
    not later, so one that has waited for it in [;] may find itself stuck in [||] (see
    [seq_refines_par_needs_steady]). *)
Definition steady (p : proc) : Prop :=
  forall q, reaches p q -> forall s s', ends s q = ends s' q.

Lemma steady_step p s l s' q : steady p -> step s p l s' (Go q) -> steady q.
Proof. intros H Hs r Hr. apply H. eapply reaches_on; eauto. Qed.

(** A process that may end, and always could from here on. *)
Definition over (p : proc) : Prop := forall s, ends s p = true.

Lemma over_beside p q : over p -> q <<= Par p q.
Proof.
  intros Ho. apply (refines_by (fun x y => y = Par p x)); [| |reflexivity].
  - intros x y -> s E. cbn. rewrite E, (Ho s). reflexivity.
  - intros x y -> s l s' o Hs. eexists. split; [apply step_par_right; exact Hs|].
    destruct o; cbn; [left|]; reflexivity.
Qed.

Theorem seq_refines_par p q : steady p -> Seq p q <<= Par p q.
Proof.
  intros Hp. apply (refines_by (fun x y => exists p, steady p /\ x = Seq p q /\ y = Par p q));
    [| |eauto].
  - intros x y (p' & _ & -> & ->) s E. exact E.
  - intros x y (p' & Hp' & -> & ->) s l s' o Hs. invert_step.
    + eexists. split; [apply step_par_left; eassumption|].
      destruct o0; cbn; [|reflexivity]. left. eauto using steady_step.
    + eexists. split; [apply step_par_right; eassumption|].
      destruct o; cbn; [right|reflexivity]. apply over_beside.
      intros s1. rewrite (Hp' p' (reaches_itself _) s1 s). assumption.
Qed.

Theorem orders_refine_par p q :
  steady p -> steady q -> Choice (Seq p q) (Seq q p) <<= Par p q.
Proof.
  intros Hp Hq. apply choice_least; [apply seq_refines_par; assumption|].
  etransitivity; [apply seq_refines_par; assumption | apply bisimilar_refines, par_comm].
Qed.

(** ([p] || [q]) ; ([r] || [s]) waits for both before it goes on with either. *)
Inductive exchanged : relation :=
| exchanged_before p q r s : steady p -> steady q ->
    exchanged (Seq (Par p q) (Par r s)) (Par (Seq p r) (Seq q s))
| exchanged_after p q r s : over p -> over q ->
    exchanged (Par r s) (Par (Seq p r) (Seq q s))
| exchanged_left r q s : over q -> exchanged (Par r s) (Par r (Seq q s))
| exchanged_right p r s : over p -> exchanged (Par r s) (Par (Seq p r) s).

Theorem par_exchange p q r s :
  steady p -> steady q -> Seq (Par p q) (Par r s) <<= Par (Seq p r) (Seq q s).
Proof.
  intros Hp Hq. apply (refines_by exchanged); [| |constructor; assumption].
  - intros x y [p' q' r' s' _ _ | p' q' r' s' H1 H2 | r' q' s' H | p' r' s' H] st E; cbn in *;
      open_ends; rewrite ?H1, ?H2, ?H; cbn; show_ends.
  - intros x y H st l st' o Hs.
    destruct H as [p' q' r' s' H1 H2 | p' q' r' s' H1 H2 | r' q' s' H | p' r' s' H].
    + repeat invert_step.
      * eexists; split; [apply step_par_left, step_seq_first; eassumption|].
        destruct o; cbn; [left; constructor; eauto using steady_step | reflexivity].
      * eexists; split; [apply step_par_right, step_seq_first; eassumption|].
        destruct o; cbn; [left; constructor; eauto using steady_step | reflexivity].
      * open_ends. assert (O1 : over p') by
          (intros s1; rewrite (H1 p' (reaches_itself _) s1 st); assumption).
        assert (O2 : over q') by
          (intros s1; rewrite (H2 q' (reaches_itself _) s1 st); assumption).
        eexists; split; [apply step_par_left, step_seq_second; eassumption|].
        destruct o0; cbn; [left; apply exchanged_left; assumption | reflexivity].
      * open_ends. assert (O1 : over p') by
          (intros s1; rewrite (H1 p' (reaches_itself _) s1 st); assumption).
        eexists; split; [apply step_par_right, step_seq_second; eassumption|].
        destruct o0; cbn; [left; apply exchanged_right; assumption | reflexivity].
    + invert_step.
      * eexists; split; [apply step_par_left, step_seq_second; [apply H1 | eassumption]|].
        destruct o0; cbn; [left; apply exchanged_left; assumption | reflexivity].
      * eexists; split; [apply step_par_right, step_seq_second; [apply H2 | eassumption]|].
        destruct o0; cbn; [left; apply exchanged_right; assumption | reflexivity].
    + invert_step.
      * eexists; split; [apply step_par_left; eassumption|].
        destruct o0; cbn; [left; apply exchanged_left; assumption | reflexivity].
      * eexists; split; [apply step_par_right, step_seq_second; [apply H | eassumption]|].
        destruct o0; cbn; [right | ]; reflexivity.
    + invert_step.
      * eexists; split; [apply step_par_left, step_seq_second; [apply H | eassumption]|].
        destruct o0; cbn; [right | ]; reflexivity.
      * eexists; split; [apply step_par_right; eassumption|].
        destruct o0; cbn; [left; apply exchanged_right; assumption | reflexivity].
Qed.

(** Activities are steady: so the two orders of [a] and [b] are among what [a || b] does. *)
Lemma act_steady a : steady (Act a).
Proof.
  assert (K : forall p q, reaches p q -> p = Act a \/ p = Running a \/ p = Skip ->
    q = Act a \/ q = Running a \/ q = Skip).
  { intros p q H. induction H as [|x st l st' y z Hs Hr IH]; [auto|]. intros K.
    apply IH. destruct K as [-> | [-> | ->]]; inversion Hs; subst; auto. }
  intros q Hq s s'. destruct (K _ _ Hq) as [-> | [-> | ->]]; auto.
Qed.

Theorem par_expand_refines a b :
  Choice (Seq (Act a) (Act b)) (Seq (Act b) (Act a)) <<= Par (Act a) (Act b).
Proof. apply orders_refine_par; apply act_steady. Qed.
