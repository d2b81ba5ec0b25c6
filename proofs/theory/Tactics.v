(** * What most proofs of laws have in common

    A law is shown by a relation that steps do not leave.  The relation is the idea of the proof
    and is written out at each law; what follows is the bookkeeping: which steps each side has
    ([invert_step]), the step that answers, and that what both lead to is in the relation again. *)

From Theory Require Export Congruence.

(** Ends are booleans: hypotheses are taken apart, goals are put together. *)
Lemma and_true a b : a && b = true <-> a = true /\ b = true.
Proof. apply andb_true_iff. Qed.
Lemma or_true a b : a || b = true <-> a = true \/ b = true.
Proof. apply orb_true_iff. Qed.

Ltac open_ends :=
  cbn [ends] in *;
  repeat match goal with
  | H : _ && _ = true |- _ => apply and_true in H; destruct H
  | H : _ || _ = true |- _ => apply or_true in H; destruct H
  | H : negb _ = true |- _ => apply negb_true_iff in H
  | H : holds ?s (Not ?b) = _ |- _ => rewrite holds_not in H
  | H : holds ?s (And ?b ?c) = _ |- _ => rewrite holds_and in H
  | H : negb _ = false |- _ => apply negb_false_iff in H
  | H : holds ?s ?b = _, H' : context [if holds ?s ?b then _ else _] |- _ => rewrite H in H'
  end;
  try congruence.

Ltac show_ends :=
  cbn [ends];
  repeat match goal with
  | H : holds ?s ?b = _ |- context [holds ?s ?b] => rewrite H
  | H : ends ?s ?p = _ |- context [ends ?s ?p] => rewrite H
  end;
  rewrite ?holds_not, ?holds_and;
  repeat match goal with
  | H : holds ?s ?b = _ |- context [holds ?s ?b] => rewrite H
  end;
  cbn; rewrite ?andb_true_r, ?orb_true_r, ?andb_false_r, ?orb_false_r;
  try reflexivity; try assumption.

(** A step of a process whose shape is known, from the steps of its parts that are given. *)
Ltac find_step :=
  first
  [ eassumption
  | lazymatch goal with
    | |- step _ (If _ _ _) _ _ _ =>
        first [ eapply step_then; [solve [show_ends] | find_step]
              | eapply step_else; [solve [show_ends] | find_step] ]
    | |- step _ (Choice _ _) _ _ _ =>
        first [ eapply step_choice_left; find_step | eapply step_choice_right; find_step ]
    | |- step _ (Seq _ _) _ _ _ =>
        first [ eapply step_seq_first; find_step
              | eapply step_seq_second; [solve [show_ends] | find_step] ]
    | |- step _ (Par _ _) _ _ _ =>
        first [ eapply step_par_left; find_step | eapply step_par_right; find_step ]
    | |- step _ (While _ _) _ _ _ =>
        first [ eapply step_round; [solve [show_ends] | find_step]
              | eapply step_again; solve [show_ends] ]
    | |- step _ (Try _ _ _) _ _ _ => eapply step_try; find_step
    | |- _ => solve [constructor; assumption | constructor]
    end ].

(** All steps of a process whose shape is known, however deep. *)
Ltac all_steps := repeat (invert_step; open_ends).

(** Outcomes are related: both raise the same error, or both go on inside the relation. *)
Ltac lead_on :=
  repeat match goal with o : outcome |- _ => destruct o end;
  cbn in *; unfold inverse, or_bisimilar;
  repeat match goal with
  | H : catches ?c ?e = _ |- context [catches ?c ?e] => rewrite H; cbn
  | |- context [catches ?c ?e] => destruct (catches c e) eqn:?; cbn
  end;
  first [ reflexivity | left; constructor; fail | left; constructor; assumption
        | right; reflexivity | solve [eauto] ].

(** Each step of one side is answered by the same step of the other. *)
Ltac answer_all :=
  intros s l s' o Hs; all_steps;
  (eexists; split; [find_step | lead_on]).

(** Ends of both sides agree, whatever the tests and the parts say. *)
Ltac same_ends :=
  intros s; cbn [ends]; rewrite ?holds_not, ?holds_and;
  repeat match goal with
  | |- context [holds s ?b] => destruct (holds s b); cbn
  | |- context [ends s ?p] => is_var p; destruct (ends s p); cbn
  end; reflexivity.

(** A law by its relation. *)
Ltac by_relation R :=
  apply (bisimilar_by R); [|once constructor]; intros x y []; (split; [|split]).

(** A law whose sides have the same ends and the very same steps. *)
Ltac by_same_steps :=
  apply bisimilar_same_steps; [same_ends|];
  intros s l s' o; split; intros Hs; all_steps; find_step.
