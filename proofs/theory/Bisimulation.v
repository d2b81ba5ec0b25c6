(** * Strong bisimulation

    Every step of one is answered by the same step of the other, with the same change of the data,
    for ever.  The store is quantified anew at each step: between two steps of a process its
    surroundings may have changed the data.  (The literature calls this stateless bisimilarity.)
    That is what makes laws hold inside [||]. *)

From Coq Require Export Setoid Morphisms.
From Theory Require Export Semantics.

Definition relation := proc -> proc -> Prop.
Definition inverse (R : relation) : relation := fun p q => R q p.

Definition related (R : relation) (o o' : outcome) : Prop :=
  match o, o' with
  | Go p, Go q => R p q
  | Raise e, Raise e' => e = e'
  | _, _ => False
  end.

(** Each step of [p] is a step of [q], and what they lead to is related. *)
Definition answered (R : relation) (p q : proc) : Prop :=
  forall s l s' o, step s p l s' o -> exists o', step s q l s' o' /\ related R o o'.

Definition matched (R : relation) (p q : proc) : Prop :=
  (forall s, ends s p = ends s q) /\ answered R p q /\ answered (inverse R) q p.

Definition bisimulation (R : relation) : Prop := forall p q, R p q -> matched R p q.

Definition bisimilar (p q : proc) : Prop := exists R, bisimulation R /\ R p q.

Infix "~~" := bisimilar (at level 70).

(** ** It is an equivalence, and a bisimulation itself *)

Lemma related_mono (R R' : relation) o o' :
  (forall p q, R p q -> R' p q) -> related R o o' -> related R' o o'.
Proof. destruct o, o'; cbn; auto. Qed.

Lemma answered_mono (R R' : relation) p q :
  (forall x y, R x y -> R' x y) -> answered R p q -> answered R' p q.
Proof.
  intros H Ha s l s' o Hs. destruct (Ha _ _ _ _ Hs) as (o' & ? & ?).
  exists o'. split; [assumption|]. eapply related_mono; eauto.
Qed.

Lemma matched_mono (R R' : relation) p q :
  (forall x y, R x y -> R' x y) -> matched R p q -> matched R' p q.
Proof.
  intros H (He & H1 & H2). split; [exact He|].
  split; [eapply answered_mono; [exact H | exact H1] | eapply answered_mono; [|exact H2]].
  intros x y. apply H.
Qed.

Lemma bisimilar_matched p q : p ~~ q -> matched bisimilar p q.
Proof.
  intros (R & HR & H). apply (matched_mono R); [|auto]. intros x y Hxy. exists R; auto.
Qed.

Lemma related_refl (R : relation) o : (forall p, R p p) -> related R o o.
Proof. destruct o; cbn; auto. Qed.

#[export] Instance bisimilar_refl : Reflexive bisimilar.
Proof.
  intros p. exists eq. split; [|reflexivity]. intros x y <-. repeat split; auto;
    intros s l s' o H; exists o; split; auto; apply related_refl; reflexivity.
Qed.

#[export] Instance bisimilar_sym : Symmetric bisimilar.
Proof.
  intros p q (R & HR & H). exists (inverse R). split; [|exact H].
  intros x y Hxy. destruct (HR _ _ Hxy) as (He & H1 & H2). repeat split; auto.
Qed.

#[export] Instance bisimilar_trans : Transitive bisimilar.
Proof.
  intros p q r (R & HR & H) (R' & HR' & H').
  exists (fun x z => exists y, R x y /\ R' y z). split; [|eauto].
  intros x z (y & Hxy & Hyz).
  destruct (HR _ _ Hxy) as (E1 & A1 & B1), (HR' _ _ Hyz) as (E2 & A2 & B2).
  repeat split.
  - intros s. rewrite E1. apply E2.
  - intros s l s' o Hs. destruct (A1 _ _ _ _ Hs) as (o1 & Hs1 & R1).
    destruct (A2 _ _ _ _ Hs1) as (o2 & Hs2 & R2). exists o2. split; [auto|].
    destruct o, o1, o2; cbn in *; try tauto; [eauto | congruence].
  - intros s l s' o Hs. destruct (B2 _ _ _ _ Hs) as (o1 & Hs1 & R1).
    destruct (B1 _ _ _ _ Hs1) as (o2 & Hs2 & R2). exists o2. split; [auto|].
    destruct o, o1, o2; cbn in *; unfold inverse in *; try tauto; [eauto | congruence].
Qed.

#[export] Instance bisimilar_equivalence : Equivalence bisimilar.
Proof. split; exact _. Qed.

(** ** How laws are proved

    To show [R] inside bisimilarity, it is enough that steps lead back into [R], or to processes
    that are bisimilar already. *)

Definition or_bisimilar (R : relation) : relation := fun p q => R p q \/ p ~~ q.

Lemma bisimilar_by (R : relation) :
  (forall p q, R p q -> matched (or_bisimilar R) p q) -> forall p q, R p q -> p ~~ q.
Proof.
  intros HR p q H. exists (or_bisimilar R). split; [|left; exact H].
  intros x y [Hxy | Hxy]; [auto|].
  apply (matched_mono bisimilar); [right; assumption | apply bisimilar_matched; assumption].
Qed.

(** Two processes with the same ends and the same steps. *)
Lemma bisimilar_same_steps p q :
  (forall s, ends s p = ends s q) ->
  (forall s l s' o, step s p l s' o <-> step s q l s' o) -> p ~~ q.
Proof.
  intros He H.
  apply (bisimilar_by (fun x y => x = p /\ y = q)); [|auto].
  intros x y [-> ->]. split; [exact He|].
  split; intros s l s' o Hs; exists o; split; try (apply H; exact Hs);
    apply related_refl; intros r; right; reflexivity.
Qed.
