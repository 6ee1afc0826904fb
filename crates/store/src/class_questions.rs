//! Services whose traffic spoke against their being open, as rows.

use verbond_domain::{ClassDeclaration, ServiceName, Timestamp};

use crate::{
    Store, StoreError, Transaction,
    changes::Changed,
    services::{ServiceRow, read_declaration, write_declaration},
    sql::Sql,
};

/// A service that was declared open and was seen to speak of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassQuestionRow {
    /// Identifier, time-ordered.
    pub id: String,
    /// Which service.
    pub service: ServiceName,
    /// At which source it was seen.
    pub upstream: String,
    /// Words of the shipped lists that were seen.
    pub signs: Vec<String>,
    /// The declaration that was set aside.
    pub declaration: ClassDeclaration,
    /// When.
    pub raised_at: Timestamp,
    /// What a second person has decided.
    pub decision: Option<ClassDeclaration>,
}

type Columns = (String, String, String, String, String, i64, Option<String>);

impl Store {
    /// All questions, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn class_questions(&self) -> Result<Vec<ClassQuestionRow>, StoreError> {
        let sql = Sql::new(
            "SELECT id, service, upstream, signs, declaration, raised_at_millis, decision FROM class_question \
             ORDER BY id DESC",
        );
        self.inner.pools.rows(sql).await?.into_iter().map(row).collect()
    }
}

impl Transaction {
    /// The questions about a service, the newest first.
    ///
    /// # Errors
    /// As [`Store::class_questions`].
    pub async fn class_questions_of(
        &mut self,
        service: &ServiceName,
    ) -> Result<Vec<ClassQuestionRow>, StoreError> {
        let sql = Sql::new(
            "SELECT id, service, upstream, signs, declaration, raised_at_millis, decision FROM class_question \
             WHERE service = $1 ORDER BY id DESC",
        );
        self.rows(sql.bind(service.as_str())).await?.into_iter().map(row).collect()
    }

    /// Sets another declaration of a service in the place of the one that is known; false if it has another by now.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_declaration(
        &mut self,
        known: &ServiceRow,
        declaration: &ClassDeclaration,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "UPDATE service SET declaration = $1 WHERE name = $2 AND upstream = $3 AND declaration = $4",
        );
        let sql = sql.bind(write_declaration(declaration)?).bind(known.name.as_str());
        let sql = sql.bind(known.upstream.as_str()).bind(write_declaration(&known.declaration)?);
        let replaced = self.execute(sql).await? > 0;
        self.changes(Changed::Services);
        Ok(replaced)
    }

    /// Writes a question down.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_class_question(&mut self, question: &ClassQuestionRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO class_question (id, service, upstream, signs, declaration, raised_at_millis) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let signs = serde_json::to_string(&question.signs)
            .map_err(|error| StoreError::Database(format!("signs cannot be serialised: {error}")))?;
        let sql = sql.bind(&question.id).bind(question.service.as_str()).bind(&question.upstream).bind(signs);
        let sql = sql.bind(write_declaration(&question.declaration)?).bind(question.raised_at);
        self.execute(sql).await?;
        Ok(())
    }

    /// Writes down what was decided; a later decision takes the place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn decide_class_question(
        &mut self,
        id: &str,
        decision: &ClassDeclaration,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE class_question SET decision = $1 WHERE id = $2");
        self.execute(sql.bind(write_declaration(decision)?).bind(id)).await?;
        Ok(())
    }
}

fn row(columns: Columns) -> Result<ClassQuestionRow, StoreError> {
    let (id, service, upstream, signs, declaration, raised_at, decision) = columns;
    Ok(ClassQuestionRow {
        id,
        service: service.parse().map_err(|_| StoreError::damaged("the service of a class question"))?,
        upstream,
        signs: serde_json::from_str(&signs)
            .map_err(|_| StoreError::damaged("the signs of a class question"))?,
        declaration: read_declaration(&declaration)?,
        raised_at: Timestamp::from_millis(raised_at),
        decision: decision.as_deref().map(read_declaration).transpose()?,
    })
}
