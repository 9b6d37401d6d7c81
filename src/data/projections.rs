//! Random orthonormal vectors and the projections of rows on them.
//!
//! A task of a generator depends on a few projections of its inputs, and two tasks are related by the angle between
//! their vectors.

use super::stream::Stream;
use crate::simd::multiversion;

/// √(1 - p²), without cancellation near |p| = 1.
pub fn sine_of(p: f64) -> f64 {
    ((1.0 - p) * (1.0 + p)).max(0.0).sqrt()
}

/// `count` orthonormal vectors, uniform on the sphere: Gram–Schmidt on normals, each vector
/// cleared of its predecessors twice, which leaves inner products at rounding level. Row k of the stream
/// makes vector k, so fewer vectors are the first of more. `count <= dim`.
pub fn orthonormal(stream: Stream, count: usize, dim: usize) -> Vec<Vec<f64>> {
    let mut normals = vec![0.0; count * dim];
    stream.normals(0, count, dim, &mut normals);
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for row in normals.chunks_exact(dim) {
        let mut vector: Vec<f64> = row.iter().map(|&z| f64::from(z)).collect();
        for other in vectors.iter().chain(&vectors) {
            let overlap = dot(&vector, other);
            for (v, o) in vector.iter_mut().zip(other) {
                *v -= overlap * o;
            }
        }
        let length = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|v| *v /= length);
        vectors.push(vector);
    }
    vectors
}

/// Σᵢ aᵢ bᵢ.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sixteen partial sums, a whole number of registers on every CPU: dot products are added up in
/// this order everywhere, so that they come out the same.
pub type Lanes = [f32; 16];

/// A vector in single precision, padded with zeros to whole [`Lanes`].
pub fn pad(vector: &[f64]) -> Vec<Lanes> {
    let lanes =
        |chunk: &[f64]| std::array::from_fn(|lane| chunk.get(lane).copied().unwrap_or_default() as f32);
    vector.chunks(16).map(lanes).collect()
}

multiversion! {
    /// `projections[j, r]` = x_r · u_j, for x of `[rows, dim]` and the padded `vectors`.
    pub fn project(
        vectors: &[Vec<Lanes>],
        dim: usize,
        x: &[f32],
        projections: &mut [f32],
    ) = project_body;
}

#[inline(always)]
fn project_body(vectors: &[Vec<Lanes>], dim: usize, x: &[f32], projections: &mut [f32]) {
    let rows = x.len() / dim;
    for (r, row) in x.chunks_exact(dim).enumerate() {
        let (whole, rest) = row.as_chunks::<16>();
        let mut tail = [0.0; 16];
        tail[..rest.len()].copy_from_slice(rest);
        for (j, vector) in vectors.iter().enumerate() {
            let mut sum = [0.0f32; 16];
            for (x, u) in whole.iter().chain([&tail]).zip(vector) {
                for lane in 0..16 {
                    sum[lane] += x[lane] * u[lane];
                }
            }
            for half in [8, 4, 2, 1] {
                for lane in 0..half {
                    sum[lane] += sum[lane + half];
                }
            }
            projections[j * rows + r] = sum[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::Purpose;
    use super::*;
    use crate::simd::CpuFeatures;

    #[test]
    fn fewer_vectors_are_the_first_of_more() {
        let stream = Stream::new(3, Purpose::FunnelVectors);
        assert_eq!(orthonormal(stream, 4, 9), orthonormal(stream, 5, 9)[..4]);
    }

    #[test]
    fn projections_are_the_same_bits_at_every_width_of_vector() {
        for dim in [2, 16, 23, 100] {
            let vectors = orthonormal(Stream::new(8, Purpose::TaskVectors), 2, dim);
            let vectors: Vec<Vec<Lanes>> = vectors.iter().map(|vector| pad(vector)).collect();
            let mut x = vec![0.0; 9 * dim];
            Stream::new(0, Purpose::Init).normals(0, 9, dim, &mut x);
            let [mut want, mut got] = [vec![0.0; 18], vec![0.0; 18]];
            project(CpuFeatures::available()[0], &vectors, dim, &x, &mut want);
            for cpu in CpuFeatures::available() {
                project(cpu, &vectors, dim, &x, &mut got);
                assert_eq!(want, got, "{}", cpu.name());
            }
        }
    }
}
