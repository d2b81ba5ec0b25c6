(** * Rooted branching bisimilarity is kept by every operator

    Here without the clause on going round silently for ever: whether [p || q] does so because of
    [p] or because of [q] cannot be told without an axiom (the law of the excluded middle). *)

From Theory Require Export Branching.

Definition blind_simulation (R : relation) : Prop := forall p q, R p q ->
  (forall s, ends s p = true -> exists q', silently s q q' /\ R p q' /\ ends s q' = true) /\
  (forall s l s' o, step s p l s' o -> branching_answer R s p l s' o q).

Definition blind (p q : proc) : Prop :=
  exists R, blind_simulation R /\ blind_simulation (inverse R) /\ R p q.

(** The first step is answered at once. *)
Definition rooted_blind (p q : proc) : Prop :=
  (forall s, ends s p = ends s q) /\ answered blind p q /\ answered (inverse blind) q p.

Infix "~B~" := blind (at level 70).
Infix "~RB~" := rooted_blind (at level 70).

Lemma branching_blind p q : p ~b~ q -> p ~B~ q.
Proof.
  intros (R & H & H' & K). exists R. repeat split; try exact K; intros;
    (apply H || apply H'); assumption.
Qed.

Theorem rooted_rooted_blind p q : p ~rb~ q -> p ~RB~ q.
Proof.
  intros (E & A & B). split; [exact E|].
  split; eapply answered_mono; try eassumption; intros x y; apply branching_blind.
Qed.

Lemma blind_sym p q : p ~B~ q -> q ~B~ p.
Proof. intros (R & H & H' & K). exists (inverse R). exact (conj H' (conj H K)). Qed.

Lemma rooted_blind_sym p q : p ~RB~ q -> q ~RB~ p.
Proof.
  intros (E & A & B). split; [intros s; symmetry; apply E|].
  split; eapply answered_mono; try eassumption; unfold inverse; intros x y; apply blind_sym.
Qed.

Lemma blind_is_simulation : blind_simulation blind.
Proof.
  intros p q (R & H & H' & K). destruct (H _ _ K) as (E & A).
  assert (M : forall x y, R x y -> blind x y) by (intros x y Hxy; exists R; auto).
  split.
  - intros s Hs. destruct (E s Hs) as (q' & ? & ? & ?). eauto.
  - intros s l s' o Hs. eapply branching_answer_mono; [exact M | apply A, Hs].
Qed.

Lemma blind_refl p : p ~B~ p.
Proof. apply branching_blind. reflexivity. Qed.

(** ** Silent ways inside surroundings *)

Lemma silently_seq s p p' q : silently s p p' -> silently s (Seq p q) (Seq p' q).
Proof. induction 1; eauto using silently, seq_first_go. Qed.
Lemma silently_par_left s p p' q : silently s p p' -> silently s (Par p q) (Par p' q).
Proof. induction 1; eauto using silently, par_left_go. Qed.
Lemma silently_par_right s p q q' : silently s q q' -> silently s (Par p q) (Par p q').
Proof. induction 1; eauto using silently, par_right_go. Qed.
Lemma silently_try s p p' c h : silently s p p' -> silently s (Try p c h) (Try p' c h).
Proof. induction 1; eauto using silently, try_go. Qed.

(** ** One relation for all operators

    [later]: what stands after [;], entered by a first step: rooted.  [similar]: the rest. *)
Inductive later : relation :=
| later_rooted p q : p ~RB~ q -> later p q
| later_while b p p' : p ~RB~ p' -> later (While b p) (While b p').

Inductive similar : relation :=
| similar_blind p q : p ~B~ q -> similar p q
| similar_later p q : later p q -> similar p q
| similar_seq p p' q q' : similar p p' -> later q q' -> similar (Seq p q) (Seq p' q')
| similar_par p p' q q' : similar p p' -> similar q q' -> similar (Par p q) (Par p' q')
| similar_try p p' c h h' : similar p p' -> similar h h' -> similar (Try p c h) (Try p' c h').

#[local] Hint Constructors later similar silently : core.
#[local] Hint Resolve blind_refl : core.

Lemma later_ends s p q : later p q -> ends s p = ends s q.
Proof. intros [x y (E & _) | b x y (E & _)]; [apply E | reflexivity]. Qed.

Lemma blind_related o o' : related blind o o' -> related similar o o'.
Proof. apply related_mono. auto. Qed.

Lemma later_answered p q : later p q -> answered similar p q.
Proof.
  intros [x y (E & A & _) | b x y K] s l s' o Hs.
  - destruct (A _ _ _ _ Hs) as (o' & ? & ?). eauto using blind_related.
  - pose proof K as (E & A & _). inversion Hs; subst.
    + destruct (A _ _ _ _ ltac:(eassumption)) as (o' & Ho & Hr).
      exists (before o' (While b y)). split; [apply step_round; assumption|].
      destruct o0, o'; cbn in *; auto; tauto.
    + exists (Go (While b y)). split; [apply step_again; [|rewrite <- E]; assumption | cbn; auto].
Qed.

Lemma similar_is_simulation : blind_simulation similar.
Proof.
  intros p q H. induction H as [p q H | p q H | p p' q q' Hp [Ep Ap] Hq
    | p p' q q' Hp [Ep Ap] Hq [Eq Aq] | p p' c h h' Hp [Ep Ap] Hh _].
  - destruct (blind_is_simulation _ _ H) as (E & A). split.
    + intros s Hs. destruct (E s Hs) as (q' & ? & ? & ?). eauto.
    + intros s l s' o Hs. eapply branching_answer_mono; [|apply A, Hs]. auto.
  - split.
    + intros s Hs. exists q. rewrite <- (later_ends s p q H). auto.
    + intros s l s' o Hs. destruct (later_answered _ _ H _ _ _ _ Hs) as (o' & ? & ?).
      right. exists q, o'. auto.
  - (* sequence *)
    split.
    + intros s Hs. cbn in Hs. apply andb_prop in Hs as [H1 H2].
      destruct (Ep s H1) as (x & S & R & E). exists (Seq x q').
      split; [apply silently_seq; exact S|]. split; [auto|].
      cbn. rewrite E, <- (later_ends s q q' Hq), H2. reflexivity.
    + intros s l s' o Hs. inversion Hs; subst.
      * destruct (Ap _ _ _ _ ltac:(eassumption))
          as [(p1 & x & -> & -> & -> & S & R1 & R2) | (x & o1 & S & R1 & Hx & R2)].
        -- left. exists (Seq p1 q), (Seq x q').
           split; [reflexivity|]. split; [reflexivity|]. split; [reflexivity|].
           split; [apply silently_seq; exact S | auto].
        -- right. exists (Seq x q'), (before o1 q').
           split; [apply silently_seq; exact S|]. split; [auto|].
           split; [apply step_seq_first; exact Hx|].
           destruct o0, o1; cbn in *; auto; tauto.
      * destruct (Ep s ltac:(eassumption)) as (x & S & R & E).
        destruct (later_answered _ _ Hq _ _ _ _ ltac:(eassumption)) as (o' & Ho & Hr).
        right. exists (Seq x q'), o'.
        split; [apply silently_seq; exact S|]. split; [auto|].
        split; [apply step_seq_second; assumption | exact Hr].
  - (* parallel *)
    split.
    + intros s Hs. cbn in Hs. apply andb_prop in Hs as [H1 H2].
      destruct (Ep s H1) as (x & S & R & E), (Eq s H2) as (y & S' & R' & E').
      exists (Par x y). split; [|split; [auto | cbn; rewrite E, E'; reflexivity]].
      eapply silently_trans;
        [apply silently_par_left; exact S | apply silently_par_right; exact S'].
    + intros s l s' o Hs. inversion Hs; subst.
      * destruct (Ap _ _ _ _ ltac:(eassumption))
          as [(p1 & x & -> & -> & -> & S & R1 & R2) | (x & o1 & S & R1 & Hx & R2)].
        -- left. exists (Par p1 q), (Par x q').
           split; [reflexivity|]. split; [reflexivity|]. split; [reflexivity|].
           split; [apply silently_par_left; exact S | auto].
        -- right. exists (Par x q'), (beside_left o1 q').
           split; [apply silently_par_left; exact S|]. split; [auto|].
           split; [apply step_par_left; exact Hx|].
           destruct o0, o1; cbn in *; auto; tauto.
      * destruct (Aq _ _ _ _ ltac:(eassumption))
          as [(q1 & x & -> & -> & -> & S & R1 & R2) | (x & o1 & S & R1 & Hx & R2)].
        -- left. exists (Par p q1), (Par p' x).
           split; [reflexivity|]. split; [reflexivity|]. split; [reflexivity|].
           split; [apply silently_par_right; exact S | auto].
        -- right. exists (Par p' x), (beside_right p' o1).
           split; [apply silently_par_right; exact S|]. split; [auto|].
           split; [apply step_par_right; exact Hx|].
           destruct o0, o1; cbn in *; auto; tauto.
  - (* try *)
    split.
    + intros s Hs. destruct (Ep s Hs) as (x & S & R & E). exists (Try x c h').
      split; [apply silently_try; exact S | auto].
    + intros s l s' o Hs. inversion Hs; subst.
      destruct (Ap _ _ _ _ ltac:(eassumption))
        as [(p1 & x & -> & -> & -> & S & R1 & R2) | (x & o1 & S & R1 & Hx & R2)].
      * left. exists (Try p1 c h), (Try x c h').
        split; [reflexivity|]. split; [reflexivity|]. split; [reflexivity|].
        split; [apply silently_try; exact S | auto].
      * right. exists (Try x c h'), (guarded o1 c h').
        split; [apply silently_try; exact S|]. split; [auto|].
        split; [apply step_try; exact Hx|].
        destruct o0, o1; cbn in *; auto; try tauto. subst. destruct (catches c e0); cbn; auto.
Qed.

Lemma similar_sym p q : similar p q -> similar q p.
Proof.
  induction 1; auto using blind_sym.
  - destruct H; auto using rooted_blind_sym.
  - destruct H0; auto using rooted_blind_sym.
Qed.

Lemma similar_blindly p q : similar p q -> p ~B~ q.
Proof.
  intros H. exists similar. split; [apply similar_is_simulation|]. split; [|exact H].
  intros x y Hxy. apply similar_sym in Hxy.
  destruct (similar_is_simulation _ _ Hxy) as (E & A). split.
  - intros s Hs. destruct (E s Hs) as (q' & ? & K & ?). exists q'. unfold inverse.
    auto using similar_sym.
  - intros s l s' o Hs. eapply branching_answer_mono; [|apply A, Hs].
    intros u v; apply similar_sym.
Qed.

(** ** The theorem *)

(** Both directions from one: every operator treats its two sides alike. *)
Lemma rooted_blind_by p q :
  (forall s, ends s p = ends s q) -> answered similar p q -> answered similar q p -> p ~RB~ q.
Proof.
  intros E A B. split; [exact E|]. split.
  - eapply answered_mono; [|exact A]. intros x y; apply similar_blindly.
  - eapply answered_mono; [|exact B]. unfold inverse.
    intros x y K. apply blind_sym, similar_blindly, K.
Qed.

Lemma rooted_similar p q s l s' o :
  p ~RB~ q -> step s p l s' o -> exists o', step s q l s' o' /\ related similar o o'.
Proof. intros H. apply later_answered. auto. Qed.

Ltac answer_root :=
  match goal with
  | H : ?p ~RB~ ?q, S : step _ ?p _ _ _ |- _ =>
      destruct (rooted_similar _ _ _ _ _ _ H S) as (? & ? & ?); clear S
  end.

Ltac lift :=
  repeat match goal with o : outcome |- _ => destruct o end; cbn in *; auto; try tauto; subst;
  repeat match goal with |- context [catches ?c ?e] => destruct (catches c e); cbn end; auto.

Lemma seq_answered p p' q q' :
  p ~RB~ p' -> q ~RB~ q' -> answered similar (Seq p q) (Seq p' q').
Proof.
  intros Hp Hq s l s' o Hs. pose proof Hp as (E & _). inversion Hs; subst; answer_root.
  - eexists; split; [apply step_seq_first; eassumption | lift].
  - eexists; split; [apply step_seq_second; [rewrite <- E|]; eassumption | lift].
Qed.

Lemma choice_answered p p' q q' :
  p ~RB~ p' -> q ~RB~ q' -> answered similar (Choice p q) (Choice p' q').
Proof. intros Hp Hq s l s' o Hs. inversion Hs; subst; answer_root; eauto with step. Qed.

Lemma par_answered p p' q q' :
  p ~RB~ p' -> q ~RB~ q' -> answered similar (Par p q) (Par p' q').
Proof.
  intros Hp Hq s l s' o Hs. inversion Hs; subst; answer_root.
  - eexists; split; [apply step_par_left; eassumption | lift].
  - eexists; split; [apply step_par_right; eassumption | lift].
Qed.

Lemma if_answered b p p' q q' :
  p ~RB~ p' -> q ~RB~ q' -> answered similar (If b p q) (If b p' q').
Proof. intros Hp Hq s l s' o Hs. inversion Hs; subst; answer_root; eauto with step. Qed.

Lemma try_answered p p' c h h' :
  p ~RB~ p' -> h ~RB~ h' -> answered similar (Try p c h) (Try p' c h').
Proof.
  intros Hp Hq s l s' o Hs. inversion Hs; subst; answer_root.
  eexists; split; [apply step_try; eassumption | lift].
Qed.

Theorem rooted_blind_congruence :
  forall p p' q q', p ~RB~ p' -> q ~RB~ q' ->
    Seq p q ~RB~ Seq p' q' /\ Choice p q ~RB~ Choice p' q' /\ Par p q ~RB~ Par p' q' /\
    (forall b, If b p q ~RB~ If b p' q') /\ (forall b, While b p ~RB~ While b p') /\
    (forall c, Try p c q ~RB~ Try p' c q').
Proof.
  intros p p' q q' Hp Hq. pose proof (rooted_blind_sym _ _ Hp) as Hp'.
  pose proof (rooted_blind_sym _ _ Hq) as Hq'. pose proof Hp as (E & _). pose proof Hq as (F & _).
  split; [|split; [|split; [|split; [|split]]]]; intros; apply rooted_blind_by;
    auto using seq_answered, choice_answered, par_answered, if_answered, try_answered,
      later_answered;
    intros s; cbn; rewrite ?E, ?F; reflexivity.
Qed.
