(** * The traces of a process from those of its parts

    For each operator, what its traces are.  From this follows that inclusion of traces is kept by
    all of them: a part may be replaced by one that refines it. *)

From Theory Require Export Traces LawsWhile.

Definition at_store (x : event) : store :=
  match x with Moved s _ _ | Over s | Threw s _ _ _ => s end.

(** A trace that does not say that the process may end. *)
Definition unfinished (t : list event) : Prop := forall s, ~ In (Over s) t.

(** First events of one process are first events of another. *)
Lemma trace_first p q x t :
  (ends (at_store x) p = true -> ends (at_store x) q = true) ->
  (forall l s' o, step (at_store x) p l s' o -> step (at_store x) q l s' o) ->
  trace p (x :: t) -> trace q (x :: t).
Proof. intros HE HS H; inversion H; subst; cbn in *; eauto with trace. Qed.

(** Names no hypothesis: an outcome that surroundings have made tells what it was made of. *)
Ltac open_outcome :=
  match goal with
  | E : before ?o _ = _ |- _ => destruct o; try discriminate E
  | E : beside_left ?o _ = _ |- _ => destruct o; try discriminate E
  | E : beside_right _ ?o = _ |- _ => destruct o; try discriminate E
  end; cbn in *;
  match goal with
  | E : Go _ = Go _ |- _ => injection E as <-
  | E : Raise _ = Raise _ |- _ => injection E as ->
  end.

#[local] Hint Resolve seq_first_go seq_first_raise par_left_go par_left_raise par_right_go
  par_right_raise try_go : core.
#[local] Hint Constructors trace : core.

(** ** Sequence

    [p] alone, not over; or [p] until it may end, in the store of the first event of [q]. *)
Inductive seq_trace (p q : proc) (t : list event) : Prop :=
| seq_trace_first : trace p t -> unfinished t -> seq_trace p q t
| seq_trace_both t1 x t2 :
    t = t1 ++ x :: t2 -> trace p (t1 ++ [Over (at_store x)]) -> trace q (x :: t2) ->
    seq_trace p q t.

Lemma seq_trace_sound p q t : seq_trace p q t -> trace (Seq p q) t.
Proof.
  intros [Ht Hu | t1 x t2 -> Hp Hq].
  - induction Ht; eauto.
    + exfalso. apply (Hu s). left; reflexivity.
    + econstructor; [eauto|]. apply IHHt. intros s1 Hin. apply (Hu s1). right; exact Hin.
  - revert p Hp. induction t1 as [|y t1 IH]; intros p Hp; cbn in *.
    + assert (He : ends (at_store x) p = true) by (inversion Hp; assumption).
      revert Hq. apply trace_first; [cbn; rewrite He; auto | eauto with step].
    + inversion Hp; subst; eauto; destruct t1; discriminate.
Qed.

Lemma seq_trace_complete p q t : trace (Seq p q) t -> seq_trace p q t.
Proof.
  intros Ht. remember (Seq p q) as x eqn:E. revert p E. induction Ht; intros x ->.
  - apply seq_trace_first; [constructor | intros ? []].
  - cbn in H. apply andb_prop in H as [H1 H2].
    apply (seq_trace_both _ _ _ [] (Over s) []); cbn; auto.
  - invert_step.
    + open_outcome. destruct (IHHt _ eq_refl) as [Ht' Hu | t1 y t2 -> Hp Hq].
      * apply seq_trace_first; [eauto|]. intros s1 [D | Hin]; [discriminate | eapply Hu; eauto].
      * apply (seq_trace_both _ _ _ (Moved s l s' :: t1) y t2); cbn; eauto.
    + apply (seq_trace_both _ _ _ [] (Moved s l s') t); cbn; eauto.
  - invert_step.
    + open_outcome. apply seq_trace_first; [eauto|]. intros s1 [D | []]; discriminate.
    + apply (seq_trace_both _ _ _ [] (Threw s l s' e) []); cbn; eauto.
Qed.

(** ** Parallel: the traces of both, merged; an error of one is the end of all *)
Inductive merge : list event -> list event -> list event -> Prop :=
| merge_stop t1 t2 : merge t1 t2 []
| merge_over s : merge [Over s] [Over s] [Over s]
| merge_left s l s' t1 t2 t :
    merge t1 t2 t -> merge (Moved s l s' :: t1) t2 (Moved s l s' :: t)
| merge_right s l s' t1 t2 t :
    merge t1 t2 t -> merge t1 (Moved s l s' :: t2) (Moved s l s' :: t)
| merge_threw_left s l s' e t2 : merge [Threw s l s' e] t2 [Threw s l s' e]
| merge_threw_right s l s' e t1 : merge t1 [Threw s l s' e] [Threw s l s' e].

#[local] Hint Constructors merge : core.

Lemma par_trace_complete p q t :
  trace (Par p q) t -> exists t1 t2, trace p t1 /\ trace q t2 /\ merge t1 t2 t.
Proof.
  intros Ht. remember (Par p q) as x eqn:E. revert p q E. induction Ht; intros x y ->.
  - exists [], []. auto.
  - cbn in H. apply andb_prop in H as [H1 H2]. exists [Over s], [Over s]. auto.
  - invert_step; open_outcome; destruct (IHHt _ _ eq_refl) as (t1 & t2 & ? & ? & ?);
      [exists (Moved s l s' :: t1), t2 | exists t1, (Moved s l s' :: t2)]; eauto.
  - invert_step; open_outcome; [exists [Threw s l s' e], [] | exists [], [Threw s l s' e]]; eauto.
Qed.

Lemma par_trace_sound p q t1 t2 t :
  trace p t1 -> trace q t2 -> merge t1 t2 t -> trace (Par p q) t.
Proof.
  intros Hp Hq Hm. revert p q Hp Hq. induction Hm; intros p q Hp Hq;
    [auto | | inversion Hp; subst; eauto | inversion Hq; subst; eauto
    | inversion Hp; subst; eauto | inversion Hq; subst; eauto].
  constructor. inversion Hp; inversion Hq; subst; cbn.
  repeat match goal with H : ends _ _ = true |- _ => rewrite H; clear H end. reflexivity.
Qed.

(** ** Try: the traces of [p]; one that ends in an error which is caught goes on as [h] *)
Inductive try_trace (p : proc) (c : catch) (h : proc) : list event -> Prop :=
| try_trace_body t :
    trace p t -> (forall s l s' e, In (Threw s l s' e) t -> catches c e = false) ->
    try_trace p c h t
| try_trace_caught t1 s l s' e t2 :
    trace p (t1 ++ [Threw s l s' e]) -> catches c e = true -> trace h t2 ->
    try_trace p c h (t1 ++ Moved s l s' :: t2).

Lemma try_trace_sound p c h t : try_trace p c h t -> trace (Try p c h) t.
Proof.
  intros [t1 Ht Hc | t1 s l s' e t2 Hp Hc Hh].
  - induction Ht; eauto.
    + econstructor; [eauto|]. apply IHHt. intros. eapply Hc. right; eassumption.
    + constructor. apply try_passed; [assumption | eapply Hc; left; reflexivity].
  - revert p Hp. induction t1 as [|y t1 IH]; intros p Hp; cbn in *.
    + inversion Hp; subst. econstructor; [eapply try_caught|]; eassumption.
    + inversion Hp; subst; eauto; destruct t1; discriminate.
Qed.

Lemma try_trace_complete p c h t : trace (Try p c h) t -> try_trace p c h t.
Proof.
  intros Ht. remember (Try p c h) as x eqn:E. revert p E. induction Ht; intros x ->.
  - apply try_trace_body; [constructor | intros ? ? ? ? []].
  - apply try_trace_body; [constructor; exact H|]. intros ? ? ? ? [D | []]; discriminate.
  - invert_step. destruct o as [x' | e]; cbn in *.
    + match goal with E : Go _ = Go _ |- _ => injection E as <- end.
      destruct (IHHt _ eq_refl) as [t Ht' Hc | t1 s1 l1 s1' e t2 Hp Hc Hh].
      * apply try_trace_body; [eauto|]. intros ? ? ? ? [D | Hin]; [discriminate | eauto].
      * apply (try_trace_caught _ _ _ (Moved s l s' :: t1) s1 l1 s1' e t2); cbn; eauto.
    + destruct (catches c e) eqn:Hc; [|discriminate].
      match goal with E : Go _ = Go _ |- _ => injection E as <- end.
      apply (try_trace_caught _ _ _ [] s l s' e t); cbn; eauto.
  - invert_step. destruct o as [x' | e']; cbn in *; [discriminate|].
    destruct (catches c e') eqn:Hc; [discriminate|].
    match goal with E : Raise _ = Raise _ |- _ => injection E as -> end.
    apply try_trace_body; [eauto|]. intros ? ? ? ? [D | []]. injection D as _ _ _ <-. exact Hc.
Qed.
