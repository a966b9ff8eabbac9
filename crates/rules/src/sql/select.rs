//! One `SELECT`: its clauses, and the columns of its rows.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, OrderBy, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, Spanned, WildcardAdditionalOptions,
};

use super::query::{Checker, Relation, Scope, Tables, single, word};
use super::typed::Output;
use crate::diagnostic::Code;

impl Checker<'_> {
    /// The columns of the rows, and the number of `SELECT`s that are run for them.
    pub(super) fn select(
        &mut self,
        select: &Select,
        tables: Tables<'_>,
        around: Option<&Scope<'_>>,
        order_by: Option<&OrderBy>,
    ) -> Option<(Vec<Output>, u32)> {
        self.refuse_clause(select.top.is_some(), "top");
        self.refuse_clause(select.into.is_some(), "into");
        self.refuse_clause(!select.lateral_views.is_empty(), "lateral");
        self.refuse_clause(select.prewhere.is_some(), "prewhere");
        self.refuse_clause(!select.connect_by.is_empty(), "connect");
        self.refuse_clause(!select.cluster_by.is_empty(), "cluster");
        self.refuse_clause(!select.distribute_by.is_empty(), "distribute");
        self.refuse_clause(!select.sort_by.is_empty(), "sort");
        self.refuse_clause(!select.named_window.is_empty(), "window");
        self.refuse_clause(select.exclude.is_some(), "exclude");
        let is_plain = select.flavor == SelectFlavor::Standard
            && select.value_table_mode.is_none()
            && select.select_modifiers.is_none()
            && select.optimizer_hints.is_empty();
        if !is_plain {
            self.refuse(self.around.clone(), "this form of `SELECT`", "write `SELECT … FROM …`");
        }
        let (relations, joined, selects) = self.from(&select.from, tables, around)?;
        let scope = Scope { relations: &relations, joined: &joined, around, tables, ..Scope::default() };
        let mut outputs = Vec::new();
        for item in &select.projection {
            self.item(item, &scope, &mut outputs);
        }
        let of_rows = Scope { outputs: &outputs, ..scope };
        if let Some(Distinct::On(exprs)) = &select.distinct {
            for expr in exprs {
                self.expression(expr, &of_rows);
            }
        }
        select.selection.iter().for_each(|expr| self.condition(expr, &scope));
        match &select.group_by {
            GroupByExpr::All(_) => {
                let at = self.tokens.word("group", &self.around);
                self.refuse(at, "`GROUP BY ALL`", "name the columns");
            }
            GroupByExpr::Expressions(exprs, modifiers) => {
                if !modifiers.is_empty() {
                    let at = self.tokens.word("group", &self.around);
                    self.refuse(at, "`GROUP BY … WITH`", "");
                }
                for expr in exprs {
                    self.expression(expr, &of_rows);
                }
            }
        }
        let later = select.having.iter().chain(&select.qualify);
        later.for_each(|expr| self.condition(expr, &of_rows));
        if let Some(order_by) = order_by {
            self.order_by(order_by, &of_rows);
        }
        Some((outputs, selects))
    }

    fn item(&mut self, item: &SelectItem, scope: &Scope<'_>, outputs: &mut Vec<Output>) {
        let at = self.place(item.span());
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let typed = self.expression(expr, scope);
                outputs.push(Output { name: name_of(expr), at, typed });
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                let typed = self.expression(expr, scope);
                outputs.push(Output { name: Some(word(alias)), at, typed });
            }
            SelectItem::Wildcard(options) => self.wildcard(options, None, scope, outputs),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let of = single(name).unwrap_or_default();
                self.wildcard(options, Some(&of), scope, outputs);
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _)
            | SelectItem::ExprWithAliases { .. } => {
                self.refuse(at, "this kind of column", "name its columns one by one");
            }
        }
    }

    /// `*` and `t.*`.
    fn wildcard(
        &mut self,
        options: &WildcardAdditionalOptions,
        of: Option<&str>,
        scope: &Scope<'_>,
        outputs: &mut Vec<Output>,
    ) {
        let at = self.tokens.at(options.wildcard_token.0.span).unwrap_or_else(|| self.around.clone());
        let is_plain = options.opt_ilike.is_none()
            && options.opt_exclude.is_none()
            && options.opt_except.is_none()
            && options.opt_replace.is_none()
            && options.opt_rename.is_none()
            && options.opt_alias.is_none();
        if !is_plain || !scope.joined.is_empty() {
            self.refuse(at, "`*` with changes, or of tables that `USING` joins", "name the columns");
            return;
        }
        let is_meant = |relation: &&Relation| of.is_none() || relation.name.as_deref() == of;
        let mut found = false;
        for relation in scope.relations.iter().filter(is_meant) {
            found = true;
            outputs.extend(relation.table.columns.iter().map(|(name, typed)| {
                let name = (!name.is_empty()).then(|| name.clone());
                Output { name, at: at.clone(), typed: typed.clone() }
            }));
        }
        if !found {
            self.problem(Code::UnknownName, at, "`*` of no table");
        }
    }
}

/// The name that a column has without `AS`.
fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(word(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(|ident: &Ident| word(ident)),
        Expr::Nested(inner) => name_of(inner),
        _ => None,
    }
}
