(** * Branching bisimulation: internal steps that change nothing do not count

    An internal step that writes is no such step: here everything in the store is observed.  The
    clause on internal steps is Basten's (semi-branching); it gives the same equivalence as van
    Glabbeek and Weijland's and is easier to compose.  Who can go round silently for ever is told
    apart from who cannot ([diverges]). *)

From Theory Require Export Failing.

Inductive silently (s : store) : proc -> proc -> Prop :=
| silently_here p : silently s p p
| silently_on p q r : step s p Tau s (Go q) -> silently s q r -> silently s p r.

CoInductive diverges (s : store) (p : proc) : Prop :=
| diverges_on q : step s p Tau s (Go q) -> diverges s q -> diverges s p.

(** How [q] answers a step of [p]: by nothing new, or by the step after some silent ones. *)
Definition branching_answer (R : relation) s p l s' o q : Prop :=
  (exists p' q', l = Tau /\ s' = s /\ o = Go p' /\ silently s q q' /\ R p q' /\ R p' q') \/
  (exists q' o', silently s q q' /\ R p q' /\ step s q' l s' o' /\ related R o o').

Definition branching_simulation (R : relation) : Prop := forall p q, R p q ->
  (forall s, ends s p = true -> exists q', silently s q q' /\ R p q' /\ ends s q' = true) /\
  (forall s l s' o, step s p l s' o -> branching_answer R s p l s' o q) /\
  (forall s, diverges s p -> diverges s q).

Definition branching (p q : proc) : Prop :=
  exists R, branching_simulation R /\ branching_simulation (inverse R) /\ R p q.

(** Where the first step decides ([+], [if], after [;]), the first step has to be answered at
    once: rooted. *)
Definition rooted (p q : proc) : Prop :=
  (forall s, ends s p = ends s q) /\ answered branching p q /\ answered (inverse branching) q p.

Infix "~b~" := branching (at level 70).
Infix "~rb~" := rooted (at level 70).

(** ** An equivalence *)

#[export] Instance branching_sym : Symmetric branching.
Proof. intros p q (R & H & H' & K). exists (inverse R). exact (conj H' (conj H K)). Qed.

Lemma silently_trans s p q r : silently s p q -> silently s q r -> silently s p r.
Proof. induction 1; eauto using silently. Qed.

(** A whole silent way is answered. *)
Lemma silently_answered (R : relation) s p q p' :
  branching_simulation R -> R p q -> silently s p p' -> exists q', silently s q q' /\ R p' q'.
Proof.
  intros HR H Hs. revert q H. induction Hs as [p | p x r Hx Hr IH]; intros q H.
  - exists q. split; [constructor | exact H].
  - destruct (HR _ _ H) as (_ & A & _).
    destruct (A _ _ _ _ Hx) as [(p1 & q1 & _ & _ & E & S1 & _ & R1) | (q1 & o & S1 & _ & S2 & R1)].
    + injection E as <-. destruct (IH _ R1) as (q2 & S2 & R2). eauto using silently_trans.
    + destruct o as [y | e]; cbn in R1; [|tauto]. destruct (IH _ R1) as (q2 & S3 & R2).
      exists q2. split; [|exact R2].
      eapply silently_trans; [exact S1|]. econstructor; eassumption.
Qed.

Lemma branching_simulation_compose R R' :
  branching_simulation R -> branching_simulation R' ->
  branching_simulation (fun x z => exists y, R x y /\ R' y z).
Proof.
  intros HR HR' p r (q & Hpq & Hqr).
  destruct (HR _ _ Hpq) as (E1 & A1 & D1), (HR' _ _ Hqr) as (_ & _ & D2).
  split; [|split; [|auto]].
  - intros s E. destruct (E1 s E) as (q1 & S1 & R1 & E2).
    destruct (silently_answered _ _ _ _ _ HR' Hqr S1) as (r1 & S2 & R2).
    destruct (HR' _ _ R2) as (E3 & _). destruct (E3 s E2) as (r2 & S3 & R3 & E4).
    exists r2. eauto 6 using silently_trans.
  - intros s l s' o Hs.
    destruct (A1 _ _ _ _ Hs)
      as [(p1 & q1 & -> & -> & -> & S1 & Ra & Rb) | (q1 & o1 & S1 & Ra & S2 & Rb)];
      destruct (silently_answered _ _ _ _ _ HR' Hqr S1) as (r1 & S3 & Rc).
    + left. exists p1, r1. repeat split; [assumption | exists q1 | exists q1]; auto.
    + destruct (HR' _ _ Rc) as (_ & A2 & _). destruct (A2 _ _ _ _ S2)
        as [(q2 & r2 & -> & -> & -> & S4 & Rd & Re) | (r2 & o2 & S4 & Rd & S5 & Re)].
      * destruct o as [p1 | e]; cbn in Rb; [|tauto].
        left. exists p1, r2.
        repeat split; [eauto using silently_trans | exists q1 | exists q2]; auto.
      * right. exists r2, o2. repeat split; eauto using silently_trans.
        destruct o, o1, o2; cbn in *; try tauto; [eauto | congruence].
Qed.

Lemma branching_answer_mono (R R' : relation) s p l s' o q :
  (forall x y, R x y -> R' x y) -> branching_answer R s p l s' o q ->
  branching_answer R' s p l s' o q.
Proof.
  intros H [(p1 & q1 & ? & ? & ? & ? & ? & ?) | (q1 & o1 & ? & ? & ? & ?)]; [left | right].
  - exists p1, q1. auto 9.
  - exists q1, o1. repeat split; auto. eapply related_mono; eauto.
Qed.

Lemma branching_simulation_same (R R' : relation) :
  (forall x y, R x y <-> R' x y) -> branching_simulation R -> branching_simulation R'.
Proof.
  intros H HR p q K. apply H in K. destruct (HR _ _ K) as (E & A & D).
  split; [|split; [|exact D]].
  - intros s Hs. destruct (E s Hs) as (q' & ? & Hq & ?). apply H in Hq. eauto.
  - intros s l s' o Hs. eapply branching_answer_mono; [apply H | apply A, Hs].
Qed.

#[export] Instance branching_trans : Transitive branching.
Proof.
  intros p q r (R & H1 & H2 & K) (R' & H1' & H2' & K').
  exists (fun x z => exists y, R x y /\ R' y z). split; [|split; [|eauto]].
  - apply branching_simulation_compose; assumption.
  - eapply branching_simulation_same; [|exact (branching_simulation_compose _ _ H2' H2)].
    unfold inverse. intros x z; split; intros (y & ? & ?); exists y; auto.
Qed.

(** ** Strong implies rooted implies branching *)

Lemma bisimilar_diverges s p q : p ~~ q -> diverges s p -> diverges s q.
Proof.
  revert p q. cofix self. intros p q H [x Hx Hd].
  destruct (bisimilar_matched _ _ H) as (_ & A & _).
  destruct (A _ _ _ _ Hx) as ([y | e] & Hy & R); cbn in R; [|destruct R].
  exact (diverges_on s q y Hy (self _ _ R Hd)).
Qed.

Lemma bisimilar_branching_simulation : branching_simulation bisimilar.
Proof.
  intros p q H. destruct (bisimilar_matched _ _ H) as (E & A & _).
  split; [|split].
  - intros s Hs. exists q. rewrite <- E. eauto using silently.
  - intros s l s' o Hs. right. destruct (A _ _ _ _ Hs) as (o' & ? & ?).
    exists q, o'. eauto using silently.
  - intros s. apply bisimilar_diverges, H.
Qed.

Lemma bisimilar_branching p q : p ~~ q -> p ~b~ q.
Proof.
  intros H. exists bisimilar. split; [|split; [|exact H]].
  - apply bisimilar_branching_simulation.
  - eapply branching_simulation_same; [|apply bisimilar_branching_simulation].
    intros x y; unfold inverse; split; intros K; symmetry; exact K.
Qed.

#[export] Instance branching_refl : Reflexive branching.
Proof. intros p. apply bisimilar_branching. reflexivity. Qed.

#[export] Instance branching_equivalence : Equivalence branching.
Proof. split; exact _. Qed.

Theorem bisimilar_rooted p q : p ~~ q -> p ~rb~ q.
Proof.
  intros H. destruct (bisimilar_matched _ _ H) as (E & A & B).
  split; [exact E|]. split; eapply answered_mono; try eassumption;
    intros x y; apply bisimilar_branching.
Qed.

Lemma branching_is_simulation : branching_simulation branching.
Proof.
  intros p q (R & H & H' & K). destruct (H _ _ K) as (E & A & D).
  assert (M : forall x y, R x y -> branching x y) by (intros x y Hxy; exists R; auto).
  split; [|split; [|exact D]].
  - intros s Hs. destruct (E s Hs) as (q' & ? & ? & ?). exists q'. auto.
  - intros s l s' o Hs. eapply branching_answer_mono; [exact M | apply A, Hs].
Qed.

Lemma rooted_simulation :
  branching_simulation (fun x y => rooted x y \/ branching x y).
Proof.
  assert (M : forall o o', related branching o o' ->
    related (fun x y => rooted x y \/ branching x y) o o')
    by (intros o o'; apply related_mono; auto).
  intros p q [H | H].
  - destruct H as (E & A & B). split; [|split].
    + intros s Hs. exists q. rewrite <- E.
      repeat split; [constructor | left; repeat split | ]; auto.
    + intros s l s' o Hs. right. destruct (A _ _ _ _ Hs) as (o' & ? & ?).
      exists q, o'. repeat split; [constructor | left; repeat split | |]; auto.
    + intros s [x Hx Hd]. destruct (A _ _ _ _ Hx) as ([y | e] & Hy & R); cbn in R; [|tauto].
      destruct (branching_is_simulation _ _ R) as (_ & _ & D). econstructor; eauto.
  - destruct (branching_is_simulation _ _ H) as (E & A & D). split; [|split; [|exact D]].
    + intros s Hs. destruct (E s Hs) as (q' & ? & ? & ?). exists q'. auto.
    + intros s l s' o Hs. eapply branching_answer_mono; [|apply A, Hs]. auto.
Qed.

#[export] Instance rooted_sym : Symmetric rooted.
Proof.
  intros p q (E & A & B). split; [intros s; symmetry; apply E|]. split.
  - intros s l s' o Hs. destruct (B _ _ _ _ Hs) as (o' & ? & R). exists o'. split; [assumption|].
    eapply related_mono; [|exact R]. unfold inverse. intros x y; symmetry; assumption.
  - intros s l s' o Hs. destruct (A _ _ _ _ Hs) as (o' & ? & R). exists o'. split; [assumption|].
    eapply related_mono; [|exact R]. unfold inverse. intros x y; symmetry; assumption.
Qed.

Theorem rooted_branching p q : p ~rb~ q -> p ~b~ q.
Proof.
  intros H. exists (fun x y => rooted x y \/ branching x y). split; [|split; [|left; exact H]].
  - apply rooted_simulation.
  - eapply branching_simulation_same; [|apply rooted_simulation].
    intros x y; unfold inverse; split; intros [K | K]; ((left + right); symmetry; assumption).
Qed.
