(** * Between bisimulation and runs: what branching bisimulation tells apart *)

From Theory Require Export Branching Refinement.

(** ** Branching bisimilar processes have the same runs *)

Lemma run_silently s p q t : silently s p q -> run s q t -> run s p t.
Proof. induction 1; eauto using see_tau. Qed.

Lemma branching_run s p q t : p ~b~ q -> run s p t -> run s q t.
Proof.
  intros H Hr. revert q H. induction Hr as
    [| s p He | s p l s' x t Hs Hr IH | s p l s' e Hs | s p l s' e Hs]; intros q H;
    destruct (branching_is_simulation _ _ H) as (E & A & _).
  - constructor.
  - destruct (E _ He) as (q' & S & _ & Hq). eapply run_silently; eauto with run.
  - destruct (A _ _ _ _ Hs)
      as [(p1 & q1 & -> & -> & Eq & S & _ & R) | (q1 & [y | e] & S & _ & S' & R)]; cbn in *;
      [|eauto using run_silently with run | tauto].
    injection Eq as <-. eauto using run_silently.
  - destruct (A _ _ _ _ Hs)
      as [(p1 & q1 & -> & -> & Eq & _) | (q1 & [y | e'] & S & _ & S' & R)]; cbn in *;
      [discriminate | tauto | subst]. eauto using run_silently with run.
  - destruct (A _ _ _ _ Hs)
      as [(p1 & q1 & -> & -> & Eq & _) | (q1 & [y | e'] & S & _ & S' & R)]; cbn in *;
      [discriminate | tauto | subst]. eauto using run_silently with run.
Qed.

Theorem branching_same_runs p q : p ~b~ q -> p =r= q.
Proof. intros H s t; split; apply branching_run; [|symmetry]; exact H. Qed.

(** ** A law that internal steps are needed for *)

(** A process that does nothing but go on silently as another one is that one, up to that step. *)
Inductive before_long (x y : proc) : relation :=
| before_long_here : before_long x y x y
| before_long_later p : before_long x y p p.

Lemma one_silent_step x y :
  (forall s, ends s x = false) ->
  (forall s, step s x Tau s (Go y)) ->
  (forall s l s' o, step s x l s' o -> l = Tau /\ s' = s /\ o = Go y) -> x ~b~ y.
Proof.
  intros He Hs Only. exists (before_long x y). split; [|split; [|constructor]].
  - intros p q [|z]; (split; [|split]).
    + intros s E. rewrite He in E. discriminate.
    + intros s l s' o H. destruct (Only _ _ _ _ H) as (-> & -> & ->).
      left. exists y, y. repeat split; constructor.
    + intros s [z Hz Hd]. destruct (Only _ _ _ _ Hz) as (_ & _ & E). injection E as ->. exact Hd.
    + intros s E. exists z. repeat split; [constructor | constructor | exact E].
    + intros s l s' o H. right. exists z, o. repeat split; [constructor | constructor | exact H|].
      destruct o; cbn; [constructor | reflexivity].
    + auto.
  - intros q p [|z]; unfold inverse; (split; [|split]).
    + intros s E. exists y. repeat split; [|constructor | exact E].
      eapply silently_on; [apply Hs | constructor].
    + intros s l s' o H. right. exists y, o. repeat split; [|constructor | exact H|].
      * eapply silently_on; [apply Hs | constructor].
      * destruct o; cbn; [constructor | reflexivity].
    + intros s Hd. econstructor; [apply Hs | exact Hd].
    + intros s E. exists z. repeat split; [constructor | constructor | exact E].
    + intros s l s' o H. right. exists z, o. repeat split; [constructor | constructor | exact H|].
      destruct o; cbn; [constructor | reflexivity].
    + auto.
Qed.

Lemma try_fail_step e h s : step s (Try (Fail e) Any h) Tau s (Go h).
Proof. apply (try_caught _ _ _ _ e); [apply step_fail | reflexivity]. Qed.

Theorem try_fail e h : Try (Fail e) Any h ~b~ h.
Proof.
  apply one_silent_step; [reflexivity | apply try_fail_step|].
  intros s l s' o H. repeat invert_step. auto.
Qed.

(** Not where it stands first: the internal step would decide a [+]. *)
Theorem try_fail_not_rooted e : ~ (Try (Fail e) Any (act 0) ~rb~ act 0).
Proof.
  intros (_ & A & _). destruct (A [] _ _ _ (try_fail_step e (act 0) [])) as (o & H & _).
  inversion H.
Qed.

(** ** A handler is entered by a step: there it is enough that handlers are branching bisimilar *)

Inductive handled_alike (c : catch) (h h' : proc) : relation :=
| handled_here p : handled_alike c h h' (Try p c h) (Try p c h')
| handled_later x y : x ~b~ y -> handled_alike c h h' x y.

Lemma handled_simulation c h h' : h ~b~ h' -> branching_simulation (handled_alike c h h').
Proof.
  intros Hh x y [p | x' y' H].
  - split; [|split].
    + intros s E. exists (Try p c h'). repeat split; [constructor | constructor | exact E].
    + intros s l s' o Hs. invert_step. right.
      exists (Try p c h'), (guarded o0 c h').
      repeat split; [constructor | constructor | eauto with step|].
      destruct o0; cbn; [constructor|].
      destruct (catches c e); cbn; [apply handled_later; exact Hh | reflexivity].
    + intros s. revert p. cofix self. intros p [z Hz Hd].
      inversion Hz; subst. destruct o as [p' | e]; cbn in *.
      * match goal with E : Go _ = Go _ |- _ => injection E as <- end.
        exact (diverges_on s _ _ (try_go _ _ _ _ _ c h' ltac:(eassumption)) (self p' Hd)).
      * destruct (catches c e) eqn:E; [|discriminate].
        match goal with E : Go _ = Go _ |- _ => injection E as <- end.
        destruct (branching_is_simulation _ _ Hh) as (_ & _ & D).
        exact (diverges_on s _ _ (try_caught _ _ _ _ e c h' ltac:(eassumption) E) (D s Hd)).
  - destruct (branching_is_simulation _ _ H) as (E & A & D). split; [|split; [|exact D]].
    + intros s He. destruct (E s He) as (q' & ? & ? & ?). exists q'.
      repeat split; auto using handled_later.
    + intros s l s' o Hs. eapply branching_answer_mono; [|apply A, Hs]. apply handled_later.
Qed.

Lemma try_handlers p c h h' : h ~b~ h' -> Try p c h ~b~ Try p c h'.
Proof.
  intros H. exists (handled_alike c h h'). split; [|split; [|constructor]].
  - apply handled_simulation, H.
  - eapply branching_simulation_same; [|apply (handled_simulation c h' h); symmetry; exact H].
    intros x y; split; intros [z | u v K]; unfold inverse;
      first [apply handled_here | apply handled_later; symmetry; exact K].
Qed.

Lemma try_handlers_rooted p c h h' : h ~b~ h' -> Try p c h ~rb~ Try p c h'.
Proof.
  intros H.
  assert (K : forall h h' : proc, h ~b~ h' -> answered branching (Try p c h) (Try p c h')).
  { clear h h' H. intros h h' H s l s' o Hs. invert_step.
    exists (guarded o0 c h'). split; [apply step_try; assumption|].
    destruct o0; cbn; [apply try_handlers; exact H|].
    destruct (catches c e); cbn; [exact H | reflexivity]. }
  split; [reflexivity|]. split; [apply K; exact H|].
  intros s l s' o Hs. destruct (K h' h (symmetry H) s l s' o Hs) as (o' & Ho & R).
  exists o'. split; [exact Ho|]. eapply related_mono; [|exact R].
  intros x y; unfold inverse; intros B; symmetry; exact B.
Qed.

(** ** When a choice is made shows

    None of these processes has an internal step, so an answer is the same step at once. *)

Definition quiet (p : proc) : Prop := forall s s' o, ~ step s p Tau s' o.

Lemma quiet_silently s p q : quiet p -> silently s p q -> q = p.
Proof. intros H S. inversion S; subst; [reflexivity | exfalso; eapply H; eassumption]. Qed.

Lemma branching_quiet p q s l s' x :
  p ~b~ q -> quiet q -> step s p l s' (Go x) -> l <> Tau ->
  exists y, step s q l s' (Go y) /\ x ~b~ y.
Proof.
  intros H Q Hs Hl. destruct (branching_is_simulation _ _ H) as (_ & A & _).
  destruct (A _ _ _ _ Hs) as [(p1 & q1 & E & _) | (q1 & [y | e] & S & _ & S' & R)];
    cbn in *; [contradiction | | tauto].
  rewrite (quiet_silently _ _ _ Q S) in S'. eauto.
Qed.

Ltac is_quiet := unfold quiet; intros ? ? ? ?; repeat invert_step.

(** One side takes the step [l] to [x]; [H] becomes what is left of the two after the answer. *)
Ltac after_step H l x :=
  let K := fresh "K" in
  apply (branching_quiet _ _ ([] : store) l [] x) in H;
  [ destruct H as (? & K & H); repeat (invert_step; cbn in *; try discriminate);
    repeat match goal with
    | E : context [before ?o _] |- _ => is_var o; destruct o; cbn in *; try discriminate
    | E : context [beside_left ?o _] |- _ => is_var o; destruct o; cbn in *; try discriminate
    | E : context [beside_right _ ?o] |- _ => is_var o; destruct o; cbn in *; try discriminate
    end;
    repeat match goal with
    | E : Go _ = Go _ |- _ => injection E as E; subst
    end
  | is_quiet | find_go | discriminate ].

Section Choices.

Let a := {| name := 0; effect := []; fails := [0] |}.
Let b := {| name := 1; effect := []; fails := [] |}.
Let c := {| name := 2; effect := []; fails := [] |}.

(** Once [a] has begun in [a;b + a;c], it is settled what follows. *)
Lemma choice_seq_left_differs :
  ~ (Seq (Act a) (Choice (Act b) (Act c)) ~b~ Choice (Seq (Act a) (Act b)) (Seq (Act a) (Act c))).
Proof.
  intros H. symmetry in H.
  after_step H (Started 0) (Seq (Running a) (Act b)). symmetry in H.
  after_step H (Done 0 0) (Seq Skip (Choice (Act b) (Act c))).
  after_step H (Started 2) (Running c).
Qed.

Lemma par_choice_differs :
  ~ (Par (Act a) (Choice (Act b) (Act c)) ~b~ Choice (Par (Act a) (Act b)) (Par (Act a) (Act c))).
Proof.
  intros H. symmetry in H.
  after_step H (Started 0) (Par (Running a) (Act b)). symmetry in H.
  after_step H (Started 2) (Par (Running a) (Running c)).
Qed.

Lemma try_handler_choice_differs :
  ~ (Try (Act a) Any (Choice (Act b) (Act c))
     ~b~ Choice (Try (Act a) Any (Act b)) (Try (Act a) Any (Act c))).
Proof.
  intros H. symmetry in H.
  after_step H (Started 0) (Try (Running a) Any (Act b)). symmetry in H.
  after_step H (Failed 0 0) (Choice (Act b) (Act c)).
  after_step H (Started 2) (Running c).
Qed.

(** The error that is thrown again comes a step later: what runs beside it goes on until then. *)
Lemma try_rethrow_differs : ~ (Try (Act a) (Only 0) (Fail 0) ~b~ Act a).
Proof.
  intros H. after_step H (Started 0) (Try (Running a) (Only 0) (Fail 0)).
  after_step H (Failed 0 0) (Fail 0).
Qed.

End Choices.

Theorem choice_seq_left_not_branching :
  exists p q r, ~ (Seq p (Choice q r) ~b~ Choice (Seq p q) (Seq p r)).
Proof. do 3 eexists. apply choice_seq_left_differs. Qed.

Theorem par_choice_not_branching :
  exists p q r, ~ (Par p (Choice q r) ~b~ Choice (Par p q) (Par p r)).
Proof. do 3 eexists. apply par_choice_differs. Qed.

Theorem try_handler_choice_not_branching :
  exists p h k, ~ (Try p Any (Choice h k) ~b~ Choice (Try p Any h) (Try p Any k)).
Proof. do 3 eexists. apply try_handler_choice_differs. Qed.

Theorem try_rethrow_not_branching : exists p e, ~ (Try p (Only e) (Fail e) ~b~ p).
Proof. do 2 eexists. apply try_rethrow_differs. Qed.

(** Going round silently for ever is not the same as standing still. *)
Theorem while_true_skip_not_branching : ~ (While yes Skip ~b~ Stuck).
Proof.
  intros H. destruct (branching_is_simulation _ _ H) as (_ & _ & D).
  assert (K : diverges [] (While yes Skip)).
  { cofix self. econstructor; [apply step_again; reflexivity | exact self]. }
  destruct (D _ K) as [x Hx _]. inversion Hx.
Qed.
