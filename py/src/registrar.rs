//! The embedded registrar, as its Python owners use it.

use onem2m_ws::bridge::{self, Recipient};
use onem2m_ws::registrar::RegistrarBuilder;
use pyo3::prelude::*;

use crate::errors::OrRaise;
use crate::queue::{Queue, Slot};

/// A registrar that runs in this process; one that is forgotten stops at once.
#[pyclass(frozen, module = "onem2m_ws._native")]
pub(crate) struct Registrar(bridge::Registrar);

#[pymethods]
impl Registrar {
    #[new]
    fn new(
        py: Python<'_>,
        listen: Vec<String>,
        cse_id: String,
        cse_name: String,
        admin: String,
        allow_insecure: bool,
    ) -> PyResult<Self> {
        let mut builder = RegistrarBuilder::new()
            .cse_id(cse_id)
            .cse_name(cse_name)
            .admin(admin)
            .with_server(|server| server.allow_insecure(allow_insecure));
        for point_of_access in listen {
            builder = builder.listen(point_of_access);
        }
        // Names may have to be looked up, and the first handle starts threads.
        py.detach(|| bridge::Registrar::start(builder)).map(Self).or_raise(py)
    }

    /// Where registrees reach it.
    fn points_of_access(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.0.points_of_access().or_raise(py)
    }

    /// Stops; that it has stopped is delivered to `queue` as the outcome of `call`.
    fn stop(&self, py: Python<'_>, queue: &Bound<'_, Queue>, call: u64) -> PyResult<()> {
        self.0.stop(&Recipient::Queue(queue.get().queue.clone()), call).or_raise(py)
    }

    /// Stops; that it has stopped is the outcome that `slot` gets.
    fn stop_to(&self, py: Python<'_>, slot: &Bound<'_, Slot>) -> PyResult<()> {
        self.0.stop(&Recipient::Slot(slot.get().slot.clone()), 0).or_raise(py)
    }
}
