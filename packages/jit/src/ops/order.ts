/** The order in which torch::jit tries overloads, where core's is another. Written by test/generate/order.py. */

/** Name and overloads, `-` for the one without a name, `|` for one that Sconce lacks, whose schema follows. */
export const overloadOrder = `
aten::Float Tensor Scalar int bool str
aten::__and__ Scalar Tensor bool int
aten::__contains__ int_list str_list str int bool float Tensor float_list
aten::__getitem__ t str Dict_str Dict_int Dict_bool Dict_float Dict_Tensor
aten::__lshift__ Tensor Scalar int
aten::__rshift__ Tensor Scalar int
aten::_convolution deprecated -
aten::_trilinear | -
  aten::_trilinear.out(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, int unroll_dim=1, *, Tensor(a!) out) -> Tensor(a!)
aten::_upsample_bicubic2d_aa - | vec
  aten::_upsample_bicubic2d_aa.out(Tensor self, int[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None, *, Tensor(a!) out) -> Tensor(a!)
aten::_upsample_bilinear2d_aa - | vec
  aten::_upsample_bilinear2d_aa.out(Tensor self, int[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None, *, Tensor(a!) out) -> Tensor(a!)
aten::_upsample_nearest_exact1d - | vec
  aten::_upsample_nearest_exact1d.out(Tensor self, int[1] output_size, float? scales=None, *, Tensor(a!) out) -> Tensor(a!)
aten::_upsample_nearest_exact2d - | vec
  aten::_upsample_nearest_exact2d.out(Tensor self, int[2] output_size, float? scales_h=None, float? scales_w=None, *, Tensor(a!) out) -> Tensor(a!)
aten::_upsample_nearest_exact3d_backward | -
  aten::_upsample_nearest_exact3d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, float[]? scale_factors) -> Tensor
aten::add Tensor Scalar t str int float int_float float_int -
aten::all - dim | int float bool
  aten::all.dimname(Tensor self, str dim, bool keepdim=False) -> Tensor
aten::any dim - | str int float bool
  aten::any.dimname(Tensor self, str dim, bool keepdim=False) -> Tensor
aten::as_strided_copy | -
  aten::as_strided_copy.out(Tensor self, int[] size, int[] stride, int? storage_offset=None, *, Tensor(a!) out) -> Tensor(a!)
aten::as_tensor float int bool - list
aten::bernoulli - | p
  aten::bernoulli.out(Tensor self, *, Generator? generator=None, Tensor(a!) out) -> Tensor(a!)
aten::bernoulli_ Tensor float
aten::copy | - t Dict_str Dict_int Dict_bool Dict_float Dict_Tensor
  aten::copy.out(Tensor self, Tensor src, bool non_blocking=False, *, Tensor(a!) out) -> Tensor(a!)
aten::copysign Tensor Scalar | float
  aten::copysign.int(int a, int b) -> float
aten::count - int float bool | str
  aten::count.Tensor(Tensor[] self, Tensor el) -> int
aten::diagonal_copy | -
  aten::diagonal_copy.out(Tensor self, int offset=0, int dim1=0, int dim2=1, *, Tensor(a!) out) -> Tensor(a!)
aten::dict - str Dict_str int Dict_int bool Dict_bool float Dict_float Tensor Dict_Tensor
aten::div Tensor Scalar Tensor_mode Scalar_mode | int float -
  aten::div.out_mode(Tensor self, Tensor other, *, str? rounding_mode, Tensor(a!) out) -> Tensor(a!)
aten::divide_ Tensor Tensor_mode Scalar_mode Scalar
aten::eq Tensor Scalar int_list device bool enum int float int_float float_int - str float_list Tensor_list bool_list str_list
aten::eq_ Scalar Tensor
aten::frexp | -
  aten::frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)
aten::frobenius_norm | dim
  aten::frobenius_norm(Tensor self) -> Tensor
aten::full | -
  aten::full.names(int[] size, Scalar fill_value, *, str[]? names, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::ge_ Scalar Tensor
aten::get str default_str int default_int bool default_bool float default_float Tensor default_Tensor
aten::greater_ Scalar Tensor
aten::greater_equal_ Scalar Tensor
aten::gt_ Scalar Tensor
aten::index Tensor Tensor_hacked_twin str list_int list_float list_bool | list_str
  aten::index.list_Tensor(Tensor[] self, Tensor el) -> int
aten::index_fill | | int_Scalar int_Tensor
  aten::index_fill.Dimname_Scalar(Tensor self, str dim, Tensor index, Scalar value) -> Tensor
  aten::index_fill.Dimname_Tensor(Tensor self, str dim, Tensor index, Tensor value) -> Tensor
aten::index_fill_ | | int_Scalar int_Tensor
  aten::index_fill_.Dimname_Scalar(Tensor(a!) self, str dim, Tensor index, Scalar value) -> Tensor(a!)
  aten::index_fill_.Dimname_Tensor(Tensor(a!) self, str dim, Tensor index, Tensor value) -> Tensor(a!)
aten::index_put - | hacked_twin
  aten::index_put.out(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False, *, Tensor(a!) out) -> Tensor(a!)
aten::isin Tensor_Tensor | Tensor_Scalar
  aten::isin.Tensor_Tensor_out(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False, Tensor(a!) out) -> Tensor(a!)
aten::le_ Scalar Tensor
aten::len t Tensor str Dict_str Dict_int Dict_bool Dict_float Dict_Tensor any
aten::less_ Scalar Tensor
aten::less_equal_ Scalar Tensor
aten::list - t
aten::lt_ Scalar Tensor
aten::max other - dim
aten::median - dim
aten::min other - dim
aten::moveaxis intlist int
aten::mul Tensor Scalar left_t right_ int float int_float float_int -
aten::nanmedian - dim
aten::ne Tensor Scalar int_list device bool enum int float int_float float_int - str float_list Tensor_list bool_list str_list
aten::ne_ Scalar Tensor
aten::norm Scalar ScalarOpt_dim | ScalarOpt_dim_dtype | ScalarOpt_dtype
  aten::norm.names_ScalarOpt_dim(Tensor self, Scalar? p, str[1] dim, bool keepdim=False) -> Tensor
  aten::norm.out(Tensor self, Scalar? p, int[1] dim, bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)
aten::normal Tensor_float | | float_Tensor Tensor_Tensor float_float
  aten::normal.Tensor_float_out(Tensor mean, float std=1., *, Generator? generator=None, Tensor(a!) out) -> Tensor(a!)
  aten::normal.float_Tensor_out(float mean, Tensor std, *, Generator? generator=None, Tensor(a!) out) -> Tensor(a!)
aten::not_equal_ Scalar Tensor
aten::ones | -
  aten::ones.names(int[] size, *, str[]? names, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::pop t Dict_str Dict_default_str Dict_int Dict_default_int Dict_bool Dict_default_bool Dict_float Dict_default_float Dict_Tensor Dict_default_Tensor
aten::pow Tensor_Tensor Tensor_Scalar Scalar int float int_float float_int Scalar_Scalar int_to_int
aten::randint - generator low low_generator
aten::random_ from to -
aten::remove int float bool | str
  aten::remove.Tensor(Tensor[](a!) self, Tensor el) -> ()
aten::repeat_interleave Tensor self_Tensor self_int
aten::scatter value src reduce value_reduce
aten::searchsorted Tensor | Scalar
  aten::searchsorted.Tensor_out(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None, Tensor(a!) out) -> Tensor(a!)
aten::select int | t
  aten::select.Dimname(Tensor(a) self, str dim, int index) -> Tensor(a)
aten::size int | -
  aten::size.Dimname(Tensor self, str dim) -> int
aten::slice_copy | Tensor
  aten::slice_copy.Tensor_out(Tensor self, int dim=0, int? start=None, int? end=None, int step=1, *, Tensor(a!) out) -> Tensor(a!)
aten::smooth_l1_loss_backward | -
  aten::smooth_l1_loss_backward.grad_input(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta, *, Tensor(a!) grad_input) -> Tensor(a!)
aten::sort - stable | | | | | | int float | bool str any
  aten::sort.values_stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)
  aten::sort.values(Tensor self, int dim=-1, bool descending=False, *, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)
  aten::sort.dimname(Tensor self, str dim, bool descending=False) -> (Tensor values, Tensor indices)
  aten::sort.dimname_values(Tensor self, str dim, bool descending=False, *, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)
  aten::sort.dimname_stable(Tensor self, *, bool? stable, str dim, bool descending=False) -> (Tensor values, Tensor indices)
  aten::sort.dimname_values_stable(Tensor self, *, bool? stable, str dim, bool descending=False, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)
  aten::sort.Tensor(Tensor[](a!) self, bool reverse=False) -> ()
aten::sorted int float | bool str any
  aten::sorted.Tensor(Tensor[](a) input) -> Tensor[]
aten::special_zeta - other_scalar self_scalar
aten::split_copy | Tensor
  aten::split_copy.Tensor_out(Tensor self, int split_size, int dim=0, *, Tensor(a!)[] out) -> ()
aten::split_with_sizes_copy | -
  aten::split_with_sizes_copy.out(Tensor self, int[] split_sizes, int dim=0, *, Tensor(a!)[] out) -> ()
aten::std - dim correction
aten::std_mean - dim correction
aten::stride int | -
  aten::stride.Dimname(Tensor self, str dim) -> int
aten::subtract Tensor | Scalar
  aten::subtract.out(Tensor self, Tensor other, *, Scalar alpha=1, Tensor(a!) out) -> Tensor(a!)
aten::sum dim_IntList - | int float bool
  aten::sum.dim_DimnameList(Tensor self, str[1] dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
aten::sym_stride int -
aten::tensor float int bool -
aten::to device dtype other dtype_layout prim_Device prim_dtype prim_other
aten::to_padded_tensor | -
  aten::to_padded_tensor.out(Tensor self, float padding, int[]? output_size=None, *, Tensor(a!) out) -> Tensor(a!)
aten::unbind_copy | int
  aten::unbind_copy.int_out(Tensor self, int dim=0, *, Tensor(a!)[] out) -> ()
aten::upsample_bicubic2d_backward | -
  aten::upsample_bicubic2d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, bool align_corners, float[]? scale_factors) -> Tensor
aten::upsample_bilinear2d_backward | -
  aten::upsample_bilinear2d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, bool align_corners, float[]? scale_factors) -> Tensor
aten::upsample_linear1d_backward | -
  aten::upsample_linear1d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, bool align_corners, float[]? scale_factors) -> Tensor
aten::upsample_nearest1d_backward | -
  aten::upsample_nearest1d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, float[]? scale_factors) -> Tensor
aten::upsample_nearest2d_backward | -
  aten::upsample_nearest2d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, float[]? scale_factors) -> Tensor
aten::upsample_nearest3d_backward | -
  aten::upsample_nearest3d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, float[]? scale_factors) -> Tensor
aten::upsample_trilinear3d_backward | -
  aten::upsample_trilinear3d_backward.vec(Tensor grad_output, int[]? output_size, int[] input_size, bool align_corners, float[]? scale_factors) -> Tensor
aten::values | str int bool float Tensor
  aten::values(Tensor(a) self) -> Tensor(a)
aten::var - dim correction
aten::var_mean - dim correction
aten::where self ScalarOther ScalarSelf - Scalar
aten::zeros | -
  aten::zeros.names(int[] size, *, str[]? names, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
prim::max int float int_float float_int - int_list self_int float_list self_float | self_bool
  prim::max.bool_list(bool[] l, bool[] r) -> bool[]
prim::min int float int_float float_int - int_list self_int float_list self_float | self_bool
  prim::min.bool_list(bool[] l, bool[] r) -> bool[]
`;
