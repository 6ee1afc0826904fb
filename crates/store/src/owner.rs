//! Whose database this is.

use verbond_domain::ParticipantId;

use crate::{Store, StoreError, records::participant, sql::Sql};

impl Store {
    /// Takes the database for `own`, for good: one node is one participant, and a journal tells of one. To be called
    /// after [`Store::open`], by every process of the node.
    ///
    /// # Errors
    /// [`StoreError::OtherParticipant`] when it is another's, [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn claim(&self, own: &ParticipantId) -> Result<(), StoreError> {
        const OWNER: &str = "SELECT participant FROM owner WHERE id = 1";
        let mut owner = self.inner.pools.row::<(String,)>(Sql::new(OWNER)).await?;
        if owner.is_none() {
            let mut connection = self.inner.pools.begin_write().await?;
            let take = Sql::new("INSERT INTO owner (id, participant) VALUES (1, $1) ON CONFLICT DO NOTHING");
            connection.execute(take.bind(own)).await?;
            owner = connection.row(Sql::new(OWNER)).await?;
            connection.commit().await?;
        }
        let (owner,) = owner.ok_or_else(|| StoreError::damaged("the owner is missing"))?;
        let owner = participant(&owner)?;
        if owner == *own { Ok(()) } else { Err(StoreError::OtherParticipant { owner, own: own.clone() }) }
    }
}
