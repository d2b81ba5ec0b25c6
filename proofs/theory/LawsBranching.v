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

Inductive caught (e : error) (h : proc) : relation :=
| caught_here : caught e h (Try (Fail e) Any h) h
| caught_later p : caught e h p p.

Lemma try_fail_step e h s : step s (Try (Fail e) Any h) Tau s (Go h).
Proof. apply (try_caught _ _ _ _ e); [apply step_fail | reflexivity]. Qed.

Lemma try_fail_only_step e h s l s' o :
  step s (Try (Fail e) Any h) l s' o -> l = Tau /\ s' = s /\ o = Go h.
Proof. intros H. repeat invert_step. auto. Qed.

Theorem try_fail e h : Try (Fail e) Any h ~b~ h.
Proof.
  exists (caught e h). split; [|split; [|constructor]].
  - intros p q [|x]; (split; [|split]).
    + discriminate.
    + intros s l s' o Hs. destruct (try_fail_only_step _ _ _ _ _ _ Hs) as (-> & -> & ->).
      left. exists h, h. repeat split; constructor.
    + intros s [x Hx Hd]. destruct (try_fail_only_step _ _ _ _ _ _ Hx) as (_ & _ & E).
      injection E as ->. exact Hd.
    + intros s Hs. exists x. repeat split; [constructor | constructor | exact Hs].
    + intros s l s' o Hs. right. exists x, o. repeat split; [constructor | constructor | exact Hs|].
      destruct o; cbn; [constructor | reflexivity].
    + auto.
  - intros q p [|x]; unfold inverse; (split; [|split]).
    + intros s Hs. exists h. repeat split; [|constructor | exact Hs].
      eapply silently_on; [apply try_fail_step | constructor].
    + intros s l s' o Hs. right. exists h, o. repeat split; [|constructor | exact Hs|].
      * eapply silently_on; [apply try_fail_step | constructor].
      * destruct o; cbn; [constructor | reflexivity].
    + intros s Hd. econstructor; [apply try_fail_step | exact Hd].
    + intros s Hs. exists x. repeat split; [constructor | constructor | exact Hs].
    + intros s l s' o Hs. right. exists x, o. repeat split; [constructor | constructor | exact Hs|].
      destruct o; cbn; [constructor | reflexivity].
    + auto.
Qed.

(** Not where it stands first: the internal step would decide a [+]. *)
Theorem try_fail_not_rooted e : ~ (Try (Fail e) Any (act 0) ~rb~ act 0).
Proof.
  intros (_ & A & _). destruct (A [] _ _ _ (try_fail_step e (act 0) [])) as (o & H & _).
  inversion H.
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
