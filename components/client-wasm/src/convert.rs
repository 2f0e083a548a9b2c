//! Between the types of `timeweft_core::replica` and those of the interface.

use alloc::borrow::ToOwned;

use timeweft_core::replica as native;

use crate::wit::{Action, Decision, Edited, Effect, Op, Origin, Policy, Refusal, Request, Said, Saved, Shown, Whole};

pub(crate) fn edited_in(Edited { tab, op, seen, merge, action }: Edited) -> native::Edited {
    native::Edited { tab, op, seen, merge, action: action_in(action) }
}

fn action_in(action: Action) -> native::Action {
    match action {
        Action::Patch(patch) => native::Action::Patch(patch),
        Action::Set(value) => native::Action::Set(value),
        Action::Delete => native::Action::Delete,
        Action::Undelete => native::Action::Undelete,
        Action::Undo => native::Action::Undo,
        Action::Redo => native::Action::Redo,
        Action::Resolve(choice) => {
            native::Action::Resolve { conflict: choice.conflict, choice: choice_in(choice.with) }
        }
    }
}

fn choice_in(decision: Decision) -> native::Choice {
    match decision {
        Decision::Mine => native::Choice::Mine,
        Decision::Theirs => native::Choice::Theirs,
        Decision::Both => native::Choice::Both,
        Decision::Value(value) => native::Choice::Value(value),
    }
}

pub(crate) fn policy_in(policy: Policy) -> native::Policy {
    match policy {
        Policy::KeepTheirsWhereBoth => native::Policy::KeepTheirsWhereBoth,
        Policy::Mine => native::Policy::Mine,
        Policy::Theirs => native::Policy::Theirs,
    }
}

pub(crate) fn effect_out(effect: native::Effect) -> Effect {
    match effect {
        native::Effect::Send { entity, frame } => Effect::Send(Request { entity, frame }),
        native::Effect::Show { entity, seq, patch, origin } => {
            let origin = origin.map(|native::Origin { tab, op, unchanged }| Origin { tab, op, unchanged });
            Effect::Show(Shown { entity, seq, patch, origin })
        }
        native::Effect::Reset { entity, seq, to, value, ops } => Effect::Reset(Whole { entity, seq, to, value, ops }),
        native::Effect::State { entity, state } => Effect::State(Said { entity, state }),
        native::Effect::Save { entity, snapshot, journal, kept } => {
            Effect::Save(Saved { entity, snapshot, journal, kept })
        }
        native::Effect::Refused { entity, tab, op, code, message } => {
            Effect::Refused(Refusal { entity, tab, op, code: code.as_str().to_owned(), message })
        }
        native::Effect::Repeat { entity, tab, op } => Effect::Repeat(Op { entity, tab, op }),
        native::Effect::Later { entity } => Effect::Later(entity),
        native::Effect::Forget { entity } => Effect::Forget(entity),
        native::Effect::Unauthorized => Effect::Unauthorized,
    }
}
