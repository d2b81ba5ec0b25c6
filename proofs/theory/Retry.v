(** * [retry], made of [try]

    As the language defines it: [retry(n) { p }] starts [p] again, by a step, when an error has
    left it that [c] takes, at most [n] times ([again] is that step; docs/decisions/0004, 3). *)

From Theory Require Export LawsSequence LawsTry LawsBranching.

(** One internal step, and nothing else. *)
Definition again : proc := Try (Fail 0) Any Skip.

Fixpoint retry (c : catch) (n : nat) (p : proc) : proc :=
  match n with
  | 0 => p
  | S m => Try p c (Seq again (retry c m p))
  end.

Lemma again_step s : step s again Tau s (Go Skip).
Proof. apply (try_caught _ _ _ _ 0); [apply step_fail | reflexivity]. Qed.

Lemma again_only_step s l s' o : step s again l s' o -> l = Tau /\ s' = s /\ o = Go Skip.
Proof. unfold again. intros H. repeat invert_step. auto. Qed.

Lemma again_never_throws : never_throws again.
Proof.
  intros q Hq s l s' e Hs. inversion Hq; subst.
  - destruct (again_only_step _ _ _ _ Hs) as (_ & _ & E). discriminate.
  - destruct (again_only_step _ _ _ _ H) as (_ & _ & E). injection E as ->.
    inversion H0; subst; invert_step.
Qed.

Theorem retry_zero c p : retry c 0 p ~~ p.
Proof. reflexivity. Qed.

Theorem retry_no_throw c n p : never_throws p -> retry c n p ~~ p.
Proof. destruct n; [reflexivity | apply try_no_throw]. Qed.

Theorem retry_skip c n : retry c n Skip ~~ Skip.
Proof. destruct n; [reflexivity | apply try_skip]. Qed.

Theorem retry_other e f n : catches (Only f) e = false -> retry (Only f) n (Fail e) ~~ Fail e.
Proof. destruct n; [reflexivity | apply try_other]. Qed.

(** ** m attempts of n attempts are m times n attempts *)

Lemma retry_then c n k p :
  Try (retry c n p) c (Seq again (retry c k p)) ~~ retry c (S n + k) p.
Proof.
  induction n as [|n IH]; cbn [retry Nat.add]; [reflexivity|].
  rewrite try_assoc, (try_seq again) by apply again_never_throws.
  rewrite IH. reflexivity.
Qed.

Theorem retry_retry c m n p : retry c m (retry c n p) ~~ retry c (n + m * S n) p.
Proof.
  induction m as [|m IH]; cbn [retry]; [rewrite Nat.add_0_r; reflexivity|].
  rewrite IH, retry_then.
  replace (S n + (n + m * S n)) with (n + S m * S n) by (cbn; rewrite Nat.add_succ_r; reflexivity).
  reflexivity.
Qed.

(** Nothing is left to try again of what is caught within. *)
Theorem retry_try c n p h : never_throws h -> retry c n (Try p c h) ~~ Try p c h.
Proof.
  intros H. destruct n as [|n]; cbn [retry]; [reflexivity|].
  rewrite try_assoc, (try_no_throw h) by exact H. reflexivity.
Qed.

(** ** The step of starting again does not count *)

Lemma again_first p : Seq again p ~b~ p.
Proof.
  transitivity (Seq Skip p); [|apply bisimilar_branching, seq_skip_left].
  apply one_silent_step; [reflexivity | |].
  - intros s. apply seq_first_go, again_step.
  - intros s l s' o H. inversion H; subst; clear H; [|discriminate].
    match goal with K : step _ again _ _ _ |- _ => apply again_only_step in K as (-> & -> & ->) end.
    auto.
Qed.

Theorem retry_unfold c n p : retry c (S n) p ~rb~ Try p c (retry c n p).
Proof. apply try_handlers_rooted, again_first. Qed.

Theorem retry_once c p : retry c 1 p ~rb~ Try p c p.
Proof. apply retry_unfold. Qed.

(** The last attempt fails as the first did, after internal steps.  Only under runs: what runs
    beside goes on during these steps. *)
Theorem retry_fail_runs n e : retry Any n (Fail e) =r= Fail e.
Proof.
  induction n as [|n IH]; [reflexivity|]. cbn [retry].
  rewrite try_fail_runs. rewrite (branching_same_runs _ _ (again_first _)). exact IH.
Qed.

(** ** What is no law: an attempt begins anew, as a whole *)

Theorem retry_seq_fails e :
  no_law (retry Any 1 (Seq (act 0) (Fail e))) (Seq (retry Any 1 (act 0)) (retry Any 1 (Fail e))).
Proof.
  cbn; unfold again.
  left_only ([] : store) [Saw (Started 0); Saw (Done 0 0); Saw (Started 0)].
Qed.

Theorem retry_choice_fails e :
  no_law (retry Any 1 (Choice (risky 0 e) (act 1)))
         (Choice (retry Any 1 (risky 0 e)) (retry Any 1 (act 1))).
Proof.
  cbn; unfold again. left_only ([] : store) [Saw (Started 0); Saw (Failed 0 e); Saw (Started 1)].
Qed.
