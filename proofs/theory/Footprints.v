(** * What a process touches

    Footprints are read off the text.  They never grow by a step, and a step depends on nothing
    else: it can be taken in any store that looks alike, and changes that in the same way. *)

From Theory Require Export Environment.

Fixpoint variables (e : expr) : list var :=
  match e with
  | Const _ | Answer => []
  | Var x => [x]
  | Op _ e1 e2 => variables e1 ++ variables e2
  end.

Definition effect_reads (l : list (var * expr)) : list var :=
  flat_map (fun u => variables (snd u)) l.
Definition effect_writes (l : list (var * expr)) : list var := map fst l.

Fixpoint reads (p : proc) : list var :=
  match p with
  | Skip | Stuck | Fail _ => []
  | Assign _ e => variables e
  | Act a | Running a => effect_reads (effect a)
  | Seq p q | Choice p q | Par p q | Try p _ q => reads p ++ reads q
  | If b p q => variables b ++ reads p ++ reads q
  | While b p => variables b ++ reads p
  end.

Fixpoint writes (p : proc) : list var :=
  match p with
  | Skip | Stuck | Fail _ => []
  | Assign x _ => [x]
  | Act a | Running a => effect_writes (effect a)
  | Seq p q | Choice p q | Par p q | Try p _ q | If _ p q => writes p ++ writes q
  | While _ p => writes p
  end.

(** The errors that may leave a process. *)
Fixpoint throws (p : proc) : list error :=
  match p with
  | Skip | Stuck | Assign _ _ => []
  | Fail e => [e]
  | Act a | Running a => fails a
  | Seq p q | Choice p q | Par p q | If _ p q => throws p ++ throws q
  | While _ p => throws p
  | Try p c h => filter (fun e => negb (catches c e)) (throws p) ++ throws h
  end.

(** ** Stores *)

Definition agree (xs : list var) (s t : store) : Prop := forall x, In x xs -> read s x = read t x.

Lemma agree_app xs ys s t : agree (xs ++ ys) s t -> agree xs s t /\ agree ys s t.
Proof. intros H. split; intros x Hx; apply H, in_or_app; auto. Qed.

Lemma read_write_other s x y v : x <> y -> read (write s x v) y = read s y.
Proof.
  unfold read. revert x y. induction s as [|w s IH]; intros [|x] [|y] H; cbn; try congruence;
    try reflexivity. apply IH. congruence.
Qed.

Lemma write_commutes s x y v w :
  x <> y -> write (write s x v) y w = write (write s y w) x v.
Proof.
  revert x y. induction s as [|u s IH]; intros [|x] [|y] H; cbn; try congruence; try reflexivity.
  f_equal. apply IH. congruence.
Qed.

Lemma eval_agrees v e s t : agree (variables e) s t -> eval v s e = eval v t e.
Proof.
  induction e; cbn; intros H; try reflexivity.
  - apply H. left; reflexivity.
  - apply agree_app in H as [H1 H2]. rewrite IHe1, IHe2; auto.
Qed.

Lemma holds_agrees b s t : agree (variables b) s t -> holds s b = holds t b.
Proof. intros H. unfold holds. rewrite (eval_agrees _ _ _ _ H). reflexivity. Qed.

Lemma apply_cons v x e l s : apply v ((x, e) :: l) s = apply v l (write s x (eval v s e)).
Proof. reflexivity. Qed.

Lemma apply_other v l s x : ~ In x (effect_writes l) -> read (apply v l s) x = read s x.
Proof.
  revert s. induction l as [|[y e] l IH]; intros s H; [reflexivity|].
  cbn in H. rewrite apply_cons, IH by tauto. apply read_write_other. tauto.
Qed.

(** Two effects that do not touch what the other touches. *)
Definition apart (reads1 writes1 reads2 writes2 : list var) : Prop :=
  forall x, (In x writes1 -> ~ In x reads2 /\ ~ In x writes2) /\ (In x writes2 -> ~ In x reads1).

Definition independent (p q : proc) : Prop := apart (reads p) (writes p) (reads q) (writes q).

Lemma write_apply_commutes v l s x w :
  ~ In x (effect_reads l) -> ~ In x (effect_writes l) ->
  apply v l (write s x w) = write (apply v l s) x w.
Proof.
  revert s. induction l as [|[y e] l IH]; intros s Hr Hw; [reflexivity|].
  cbn in Hr, Hw. rewrite !apply_cons. rewrite (eval_agrees v e (write s x w) s).
  - rewrite write_commutes by (intros ->; tauto). apply IH; [|tauto].
    intros H. apply Hr, in_or_app. right; exact H.
  - intros z Hz. apply read_write_other. intros ->. apply Hr, in_or_app. left; exact Hz.
Qed.

Lemma apply_commutes v l w m s :
  apart (effect_reads l) (effect_writes l) (effect_reads m) (effect_writes m) ->
  apply v l (apply w m s) = apply w m (apply v l s).
Proof.
  revert s. induction l as [|[x e] l IH]; intros s H; [reflexivity|].
  rewrite !apply_cons.
  destruct (H x) as [Hx _]. destruct (Hx (or_introl eq_refl)) as [H1 H2].
  rewrite (eval_agrees v e (apply w m s) s).
  - rewrite <- write_apply_commutes by assumption. apply IH.
    intros y. destruct (H y) as [K1 K2]. split; [intros Hy; apply K1; right; exact Hy|].
    intros Hy Hr. apply (K2 Hy), in_or_app. right; exact Hr.
  - intros z Hz. apply apply_other. intros Hw. destruct (H z) as [_ K].
    apply (K Hw), in_or_app. left; exact Hz.
Qed.

(** ** Footprints do not grow *)

Ltac in_lists :=
  repeat match goal with
  | H : In _ (_ ++ _) |- _ => apply in_app_or in H as [H | H]
  end;
  repeat rewrite in_app_iff; tauto.

Definition shrinks (f : proc -> list nat) (p : proc) (o : outcome) : Prop :=
  match o with Go q => incl (f q) (f p) | Raise _ => True end.

Lemma reads_shrink s p l s' o : step s p l s' o -> shrinks reads p o.
Proof.
  induction 1; cbn in *; auto using incl_refl, incl_nil_l;
    try (destruct o; cbn in *; auto; intros x Hx; cbn in *; try specialize (IHstep x); in_lists).
  destruct o; cbn in *; [intros x Hx; specialize (IHstep x); cbn in *; in_lists|].
  destruct (catches c e); cbn; [intros x Hx; cbn; in_lists | exact I].
Qed.

Lemma writes_shrink s p l s' o : step s p l s' o -> shrinks writes p o.
Proof.
  induction 1; cbn in *; auto using incl_refl, incl_nil_l;
    try (destruct o; cbn in *; auto; intros x Hx; cbn in *; try specialize (IHstep x); in_lists).
  destruct o; cbn in *; [intros x Hx; specialize (IHstep x); cbn in *; in_lists|].
  destruct (catches c e); cbn; [intros x Hx; cbn; in_lists | exact I].
Qed.

(** Nor do the errors; and only those are raised. *)
Lemma throws_shrink s p l s' o : step s p l s' o ->
  match o with Go q => incl (throws q) (throws p) | Raise e => In e (throws p) end.
Proof.
  induction 1; cbn in *; auto using incl_refl, incl_nil_l, in_or_app;
    try (destruct o; cbn in *;
         [intros x Hx; cbn in *; try specialize (IHstep x); in_lists | in_lists]).
  destruct o as [q | e]; cbn in *.
  - intros x Hx. cbn in *. rewrite in_app_iff in *. destruct Hx as [Hx | Hx]; [left | tauto].
    apply filter_In in Hx as [Hx Hc]. apply filter_In. auto.
  - destruct (catches c e) eqn:E; cbn.
    + intros x Hx. apply in_or_app. tauto.
    + apply in_or_app. left. apply filter_In. rewrite E. auto.
Qed.
