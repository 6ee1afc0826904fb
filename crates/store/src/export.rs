//! How far processing records have been handed on to the organisation's logbook.

use crate::{
    Store, StoreError, Transaction,
    processing::{ProcessingRow, RecordPlace},
    sql::Sql,
};

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportRow {
    /// The last record of which the logbook has said what became of it.
    pub until: RecordPlace,
    /// Records that it took.
    pub taken: u64,
    /// Records that it refused.
    pub refused: u64,
}

impl Store {
    /// How far it has come.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn export(&self) -> Result<ExportRow, StoreError> {
        let sql = Sql::new("SELECT position, place, taken, refused FROM processing_export WHERE id = 1");
        let row = self.inner.pools.row::<(i64, i64, i64, i64)>(sql).await?;
        let damaged = || StoreError::damaged("how far processing records have been handed on");
        let (position, place, taken, refused) = row.ok_or_else(damaged)?;
        let number = |number: i64| u64::try_from(number).map_err(|_| damaged());
        let (taken, refused) = (number(taken)?, number(refused)?);
        Ok(ExportRow { until: RecordPlace { position, place }, taken, refused })
    }
}

impl Transaction {
    /// Goes on to `last`, with so many more that were taken and refused; false when somebody else has gone on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn go_on_with_export(
        &mut self,
        from: &ExportRow,
        last: &ProcessingRow,
        taken: usize,
        refused: usize,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "UPDATE processing_export SET position = $1, place = $2, taken = taken + $3, refused = refused + $4 \
             WHERE id = 1 AND position = $5 AND place = $6",
        );
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let to = last.place();
        let sql = sql.bind(to.position).bind(to.place).bind(number(taken)).bind(number(refused));
        Ok(self.execute(sql.bind(from.until.position).bind(from.until.place)).await? > 0)
    }
}
