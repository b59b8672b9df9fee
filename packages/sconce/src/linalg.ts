/** `torch.linalg`: PyTorch's names of the operators `linalg_…`. */
export {
  linalg_cross as cross,
  linalg_det as det,
  linalg_diagonal as diagonal,
  linalg_inv as inv,
  linalg_matmul as matmul,
  linalg_matrix_norm as matrix_norm,
  linalg_matrix_power as matrix_power,
  linalg_multi_dot as multi_dot,
  linalg_norm as norm,
  linalg_slogdet as slogdet,
  linalg_solve as solve,
  linalg_vander as vander,
  linalg_vecdot as vecdot,
  linalg_vector_norm as vector_norm,
} from '@sconce/core/functions';
