//! `listNotes`: a page of notes, each whole. What a page may hold in all is bounded: with long notes it has fewer.

use serde_json::{Value as Json, json};
use timeweft_core::id::EntityId;
use timeweft_core::operation::{List, Listing};

use crate::host::Host;
use crate::{execute, notes};

use super::fault::Fault;
use super::input::Input;
use super::procedures::Notes;

/// Notes in a page, unless the client says.
const PAGE: u64 = 50;

/// And at most.
const LONGEST_PAGE: u64 = 100;

/// Bytes of a page; one note may have more.
const PAGE_BYTES: usize = 4 << 20;

impl<H: Host> Notes<'_, H> {
    /// `{ notes, cursor? }`
    pub(super) async fn list(&self, input: Input<'_>) -> Result<Json, Fault> {
        let mut limit = input.count("limit")?.unwrap_or(PAGE).min(LONGEST_PAGE) as u32;
        let cursor = input.text("cursor")?.map(str::to_owned);
        loop {
            let list = List { kind: notes::KIND.to_owned(), cursor: cursor.clone(), limit };
            let listing = execute::list(self.router, self.principal.person, list).await?;
            match self.notes(&listing).await? {
                Page::Whole(notes) => {
                    let mut page = json!({ "notes": notes });
                    if let Some(cursor) = listing.cursor {
                        page["cursor"] = cursor.into();
                    }
                    return Ok(page);
                }
                // Asked for anew, so that the cursor is that of what is shown.
                Page::TooLong(fits) => limit = fits,
            }
        }
    }

    async fn notes(&self, listing: &Listing) -> Result<Page, Fault> {
        let (mut notes, mut bytes) = (Vec::new(), 0);
        for (before, listed) in (0..).zip(&listing.entities) {
            let entity = EntityId::parse(&listed.entity_id).map_err(|error| Fault::new(500, error.as_str()))?;
            let note = match self.current(&entity).await {
                Ok(note) => note.json(),
                // Deleted since it was listed.
                Err(fault) if fault.status() == 404 => continue,
                Err(fault) => return Err(fault),
            };
            bytes += ["title", "blob"].iter().filter_map(|name| note[name].as_str()).map(str::len).sum::<usize>();
            if bytes > PAGE_BYTES && before > 0 {
                return Ok(Page::TooLong(before));
            }
            notes.push(note);
        }
        Ok(Page::Whole(notes))
    }
}

enum Page {
    Whole(Vec<Json>),
    /// Only so many fit.
    TooLong(u32),
}
