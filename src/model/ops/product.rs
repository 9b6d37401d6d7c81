//! Matrix products on slices: `gemm`, which Candle multiplies with too, without a tensor around every run.

/// A matrix in row-major order, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `values` as `rows` × `columns`, row after row.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "{rows} by {columns}");
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Rows become columns; nothing is moved.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// The treatment of the values that a product is written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// They are overwritten.
    Forgotten,
    /// The product is added to them.
    Added,
}

/// `out` = `left` · `right`, or `out` += `left` · `right`, on the calling thread; `out` is `[left.rows, right.columns]`,
/// row after row.
pub fn product(left: Matrix, right: Matrix, out: &mut [f32], before: Before) {
    assert_eq!(left.columns, right.rows);
    assert_eq!(out.len(), left.rows * right.columns);
    // SAFETY: the lengths of all three slices are those of their matrices (`Matrix::new` and above), so
    // every element that the strides lead to is in bounds; `out` is borrowed exclusively, so it overlaps
    // neither factor.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr(),
            1,
            right.columns as isize,
            before == Before::Added,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            // Factors of what stands there and of the product.
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_transpose_and_add() {
        // [1 2 3; 4 5 6] and [1 0; 2 1; 0 3].
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 2.0, 1.0, 0.0, 3.0]);
        let (a, b) = (Matrix::new(&a, 2, 3), Matrix::new(&b, 3, 2));
        let mut out = [f32::NAN; 4];
        product(a, b, &mut out, Before::Forgotten);
        assert_eq!(out, [5.0, 11.0, 14.0, 23.0]);
        product(b.transposed(), a.transposed(), &mut out, Before::Added);
        assert_eq!(out, [10.0, 25.0, 25.0, 46.0]);
    }
}
