//! The device that populations live on, and its errors in plain words.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Error, Result, Tensor};

use crate::experiment::DeviceChoice;
use crate::model::layers;

/// The device of an experiment, opened once: tensors of a GPU that is opened twice cannot be put together, and each
/// opening compiles its kernels.
///
/// # Errors
/// If the program was built without CUDA, or there is no such device.
pub fn open(choice: DeviceChoice) -> Result<Device> {
    static GPUS: Mutex<BTreeMap<usize, Device>> = Mutex::new(BTreeMap::new());
    let number = match choice {
        DeviceChoice::Cpu => return Ok(Device::Cpu),
        DeviceChoice::Cuda(number) => number,
    };
    let mut gpus = GPUS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(gpu) = gpus.get(&number) {
        return Ok(gpu.clone());
    }
    let gpu = Device::new_cuda(number)?;
    #[cfg(feature = "cuda")]
    keep_memory(number);
    gpus.insert(number, gpu.clone());
    Ok(gpu)
}

/// Lets what was freed stay in the driver's pool for what is asked for next: by itself it goes back to the system at
/// every wait for the GPU, which is once a step. A GPU without pools has nothing to keep.
#[cfg(feature = "cuda")]
fn keep_memory(number: usize) {
    use candle_core::cuda_backend::cudarc::driver::{result, sys};
    let mut all = u64::MAX;
    // SAFETY: the device is open, the pool is its own, and the attribute is a u64.
    let kept = result::device::get(number as i32).and_then(|device| unsafe {
        let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        let pool = result::device::get_default_mem_pool(device)?;
        result::mem_pool::set_attribute(pool, threshold, (&raw mut all).cast())
    });
    _ = kept;
}

/// Opens a device and computes a product, a sum and a softmax there: Candle's kernels, our own and cuBLAS are loaded at
/// their first use, and a driver can be too old for each.
///
/// # Errors
/// If the device cannot be opened, or computes something else.
pub fn check(choice: DeviceChoice) -> Result<()> {
    let ones = Tensor::ones((1, 2, 2), DType::F32, &open(choice)?)?;
    let halves = layers::softmax(&(ones.matmul(&ones)? + 1.0)?)?;
    match halves.flatten_all()?.to_vec1::<f32>()?[..] {
        [0.5, 0.5, 0.5, 0.5] => Ok(()),
        ref other => candle_core::bail!("self-test of {choice} failed: 1/2 = {other:?}"),
    }
}

/// The text of an error of Candle, without the backtrace that it carries where RUST_BACKTRACE is set; for errors of a
/// GPU's driver, a remedy before the error's name.
pub fn explain(error: &Error) -> String {
    let mut error = error;
    while let Error::WithBacktrace { inner, .. } = error {
        error = inner;
    }
    let text = error.to_string();
    match DRIVER_ERRORS.iter().find(|(name, _)| text.contains(name)) {
        Some((name, remedy)) => format!("{remedy} ({name})"),
        None => text,
    }
}

/// Errors of CUDA's driver that a user can do something about. A driver that is missing altogether is not among them: the
/// program is linked to it and does not start.
const DRIVER_ERRORS: [(&str, &str); 9] = [
    ("CUDA_ERROR_NO_DEVICE", "no NVIDIA GPU found; `nvidia-smi` lists them, CUDA_VISIBLE_DEVICES hides them"),
    ("CUDA_ERROR_INVALID_DEVICE", "no GPU has this number; `nvidia-smi` lists them, from 0"),
    ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", OLD_DRIVER),
    ("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", OLD_DRIVER),
    (
        "CUBLAS_STATUS_NOT_INITIALIZED",
        "cuBLAS does not start: the GPU's driver is older than the CUDA toolkit that this program was built with, or \
         others have taken the GPU's memory",
    ),
    ("CUDA_ERROR_NO_BINARY_FOR_GPU", OTHER_GPU),
    ("CUDA_ERROR_INVALID_PTX", OTHER_GPU),
    (
        "CUDA_ERROR_OUT_OF_MEMORY",
        "out of GPU memory; use a smaller train.batch_size or grid, or a GPU that nobody else is using",
    ),
    ("CUDA_ERROR_STUB_LIBRARY", "the library of the CUDA driver is a stand-in to link to, not a driver"),
];

const OLD_DRIVER: &str = "the GPU's driver is older than the CUDA toolkit that this program was built with; install a \
                          newer driver or build with an older toolkit";

const OTHER_GPU: &str = "this program was built for another generation of GPUs; build it with CUDA_COMPUTE_CAP \
                         set to the compute capability that `nvidia-smi --query-gpu=compute_cap --format=csv` shows, \
                         without its dot";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_computes() {
        check(DeviceChoice::Cpu).unwrap();
    }

    #[test]
    fn errors_are_told_without_backtraces() {
        let inner = Box::new(Error::Msg("planted".into()));
        let backtrace = Box::new(std::backtrace::Backtrace::force_capture());
        let error = Error::WithBacktrace { inner, backtrace };
        assert!(error.to_string().lines().count() > 1);
        assert_eq!(explain(&error), "planted");
        let error = Error::Msg("DriverError(CUDA_ERROR_NO_DEVICE, \"no CUDA-capable device\")".into());
        assert!(explain(&error).starts_with("no NVIDIA GPU found"), "{}", explain(&error));
        assert!(explain(&error).ends_with("(CUDA_ERROR_NO_DEVICE)"));
    }
}
