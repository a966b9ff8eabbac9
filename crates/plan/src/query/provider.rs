//! All that the planner of queries knows: one table, and the functions of a list.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, Volatility, WindowUDF};
use fluo_rules::sql::TABLE;
use fluo_rules::sql::functions::{Class, FUNCTIONS, function_called};

use super::functions::{self, END, NANOSECONDS, START};

/// The functions of the list, by the names that the list has.
pub(super) struct Functions {
    scalar: BTreeMap<&'static str, Arc<ScalarUDF>>,
    aggregate: BTreeMap<&'static str, Arc<AggregateUDF>>,
    window: BTreeMap<&'static str, Arc<WindowUDF>>,
}

/// The functions that there are, all of which give the same for the same.
pub(super) static ALLOWED: LazyLock<Functions> = LazyLock::new(Functions::of_list);

impl Functions {
    fn of_list() -> Self {
        let mut scalars = SessionStateDefaults::default_scalar_functions();
        scalars.push(Arc::new(functions::nanoseconds()));
        let aggregates = SessionStateDefaults::default_aggregate_functions();
        let windows = SessionStateDefaults::default_window_functions();
        let mut allowed =
            Self { scalar: BTreeMap::new(), aggregate: BTreeMap::new(), window: BTreeMap::new() };
        for function in FUNCTIONS {
            let name = function.name;
            let is_named =
                |known: &str, aliases: &[String]| known == name || aliases.iter().any(|alias| alias == name);
            if function.class == Class::Scalar {
                let found = scalars.iter().find(|known| is_named(known.name(), known.aliases()));
                let found = found.filter(|known| known.signature().volatility == Volatility::Immutable);
                allowed.scalar.extend(found.map(|found| (name, Arc::clone(found))));
            }
            if matches!(function.class, Class::Aggregate | Class::Rolling) {
                let found = aggregates.iter().find(|known| is_named(known.name(), known.aliases()));
                let found = found.filter(|known| known.signature().volatility == Volatility::Immutable);
                allowed.aggregate.extend(found.map(|found| (name, Arc::clone(found))));
            }
            if matches!(function.class, Class::Window | Class::Rolling) {
                let found = windows.iter().find(|known| is_named(known.name(), known.aliases()));
                let found = found.filter(|known| known.signature().volatility == Volatility::Immutable);
                allowed.window.extend(found.map(|found| (name, Arc::clone(found))));
            }
        }
        allowed
    }

    /// Returns whether a plan may have a function of rows in it.
    pub(super) fn has_scalar(&self, function: &ScalarUDF) -> bool {
        let name = function.name();
        // What `[…]` of attributes, and the bounds of the window, are planned as.
        let is_own = matches!(name, "get_field" | START | END | NANOSECONDS);
        let is_listed = self.scalar.values().any(|known| known.name() == name);
        (is_own || is_listed) && function.signature().volatility == Volatility::Immutable
    }

    /// Returns whether a plan may have a function of groups in it.
    pub(super) fn has_aggregate(&self, function: &AggregateUDF) -> bool {
        self.aggregate.values().any(|known| known.name() == function.name())
            && function.signature().volatility == Volatility::Immutable
    }

    /// Returns whether a plan may have a function of rows around a row in it.
    pub(super) fn has_window(&self, function: &WindowUDF) -> bool {
        self.window.values().any(|known| known.name() == function.name())
            && function.signature().volatility == Volatility::Immutable
    }

    /// The functions of the list that `DataFusion` has.
    #[cfg(test)]
    pub(super) fn names(&self) -> std::collections::BTreeSet<&'static str> {
        let names = self.scalar.keys().chain(self.aggregate.keys()).chain(self.window.keys());
        names.copied().collect()
    }
}

/// One table, and the bounds of its window.
pub(super) struct OneTable {
    table: Arc<dyn TableSource>,
    start: Arc<ScalarUDF>,
    end: Arc<ScalarUDF>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

impl OneTable {
    pub(super) fn new(table: Arc<dyn TableSource>) -> Self {
        Self {
            table,
            start: Arc::new(functions::bound(START)),
            end: Arc::new(functions::bound(END)),
            planners: SessionStateDefaults::default_expr_planners(),
            options: ConfigOptions::default(),
        }
    }
}

impl ContextProvider for OneTable {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        if name == TableReference::bare(TABLE) {
            Ok(Arc::clone(&self.table))
        } else {
            plan_err!("there is no table `{name}`: a query reads `{TABLE}` alone")
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        match name {
            START => Some(Arc::clone(&self.start)),
            END => Some(Arc::clone(&self.end)),
            _ => ALLOWED.scalar.get(function_called(name)?.name).cloned(),
        }
    }

    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        ALLOWED.aggregate.get(function_called(name)?.name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        ALLOWED.window.get(function_called(name)?.name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        ALLOWED.scalar.keys().map(|name| (*name).to_owned()).collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        ALLOWED.aggregate.keys().map(|name| (*name).to_owned()).collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        ALLOWED.window.keys().map(|name| (*name).to_owned()).collect()
    }
}
