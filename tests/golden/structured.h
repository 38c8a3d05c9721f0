// Structured ops in f64: values, and vector-Jacobian products (suffix By); flat, row-major.
// Made by tests/golden/structured.py with JAX 0.10.2; do not edit.
#pragma once

namespace tendon::golden {

// clang-format off
// Over the last axis.
inline constexpr double kSoftmaxInput[12] = {  // shape {3, 4}
    0.5, -1.25, 2.0, 0.0, 30.0, 29.5, -4.0, 30.25, -800.0, -801.0, -799.5, -805.0,
};
inline constexpr double kSoftmaxValue[12] = {  // shape {3, 4}
    0.15969355003210822, 0.027750577932680404, 0.7156968377823844, 0.09685903425282705,
    0.3459541948223695, 0.20983182601596467, 5.929338114333872e-16, 0.4442139791616651,
    0.3307601670973711, 0.12167986543355376, 0.5453313229937644, 0.0022286444753107392,
};
inline constexpr double kSoftmaxCotangent[12] = {  // shape {3, 4}
    0.05, 1.8, -1.42, 1.79, -0.75, -0.31, 1.31, -0.36, 0.2, -1.89, 1.01, 0.15,
};
inline constexpr double kSoftmaxByInput[12] = {  // shape {3, 4}
    0.13334030088394383, 0.0717345812876625, -0.45448458243294476, 0.24940970026133857,
    -0.0918748670846718, 0.03660107970314797, 1.0639785422095572e-15, 0.05527378738152283,
    -0.0619500630852315, -0.2771010733444579, 0.3395799848951132, -0.0005288484654238278,
};

inline constexpr double kLogSoftmaxInput[12] = {  // shape {3, 4}
    0.5, -1.25, 2.0, 0.0, 30.0, 29.5, -4.0, 30.25, -800.0, -801.0, -799.5, -805.0,
};
inline constexpr double kLogSoftmaxValue[12] = {  // shape {3, 4}
    -1.8344986126036624, -3.5844986126036624, -0.33449861260366254, -2.3344986126036624,
    -1.0614488975945144, -1.5614488975945144, -35.061448897594516, -0.8114488975945144,
    -1.1063617369361016, -2.1063617369361016, -0.6063617369361015, -6.106361736936101,
};
inline constexpr double kLogSoftmaxCotangent[12] = {  // shape {3, 4}
    0.05, 1.8, -1.42, 1.79, -0.75, -0.31, 1.31, -0.36, 0.2, -1.89, 1.01, 0.15,
};
inline constexpr double kLogSoftmaxByInput[12] = {  // shape {3, 4}
    -0.3045196810712803, 1.7383937169894494, -3.0088469798768935, 1.574972943958724,
    -0.7119450385695394, -0.2869184991382439, 1.31, -0.3111364622922168, 0.3753028885616067,
    -1.8255096713202164, 1.2990256011866952, 0.15118118157191468,
};

inline constexpr double kLogSumExpInput[12] = {  // shape {3, 4}
    0.5, -1.25, 2.0, 0.0, 30.0, 29.5, -4.0, 30.25, -800.0, -801.0, -799.5, -805.0,
};
inline constexpr double kLogSumExpValue[3] = {  // shape {3}
    2.3344986126036624, 31.061448897594513, -798.8936382630638,
};
inline constexpr double kLogSumExpCotangent[3] = {  // shape {3}
    -0.95, -0.81, 1.26,
};
inline constexpr double kLogSumExpByInput[12] = {  // shape {3, 4}
    -0.1517088725305028, -0.026363049036046384, -0.6799119958932651, -0.09201608254018569,
    -0.2802228978061193, -0.16996377907293142, -4.802763872610437e-16, -0.35981332312094877,
    0.4167578105426877, 0.15331663044627777, 0.6871174669721433, 0.002808092038891532,
};

inline constexpr double kReduceMaxInput[12] = {  // shape {3, 4}
    1.0, 3.0, 3.0, -2.0, 0.5, 0.5, 0.5, 0.5, 4.0, -1.0, 2.0, 3.0,
};
inline constexpr double kReduceMaxValue[3] = {  // shape {3}
    3.0, 0.5, 4.0,
};
inline constexpr double kReduceMaxCotangent[3] = {  // shape {3}
    -0.95, -0.81, 1.26,
};
inline constexpr double kReduceMaxByInput[12] = {  // shape {3, 4}
    -0.0, -0.475, -0.475, -0.0, -0.2025, -0.2025, -0.2025, -0.2025, 1.26, 0.0, 0.0, 0.0,
};

inline constexpr double kReduceMeanInput[12] = {  // shape {3, 4}
    -1.66, -1.05, 1.21, 0.33, -1.62, -0.27, -0.08, -1.36, 0.94, -1.55, -0.44, 0.07,
};
inline constexpr double kReduceMeanValue[3] = {  // shape {3}
    -0.2925, -0.8325, -0.245,
};
inline constexpr double kReduceMeanCotangent[3] = {  // shape {3}
    -0.95, -0.81, 1.26,
};
inline constexpr double kReduceMeanByInput[12] = {  // shape {3, 4}
    -0.2375, -0.2375, -0.2375, -0.2375, -0.2025, -0.2025, -0.2025, -0.2025, 0.315, 0.315, 0.315,
    0.315,
};

// {2, 3} by {3, 4}; Tn: the left operand is stored {3, 2}; Nt: the right one {4, 3}.
inline constexpr double kMatmulNnA[6] = {  // shape {2, 3}
    1.77, 0.05, 1.9, -1.68, 0.43, -0.49,
};
inline constexpr double kMatmulNnB[12] = {  // shape {3, 4}
    1.22, 1.23, 0.06, -0.86, -1.78, -0.47, -0.37, -1.82, -1.8, 2.0, 0.61, -1.06,
};
inline constexpr double kMatmulNnValue[8] = {  // shape {2, 4}
    -1.3496000000000001, 5.9536, 1.2467, -3.6271999999999998, -1.933, -3.2485, -0.5588, 1.1816,
};
inline constexpr double kMatmulNnCotangent[8] = {  // shape {2, 4}
    0.15, -0.63, -0.52, -0.5, 1.95, 0.53, 0.7, -0.68,
};
inline constexpr double kMatmulNnByA[6] = {  // shape {2, 3}
    -0.1931, 1.1315, -1.3172, 3.6576999999999997, -2.7415, -1.3021999999999996,
};
inline constexpr double kMatmulNnByB[12] = {  // shape {3, 4}
    -3.0105, -2.0055, -2.0964, 0.2574, 0.846, 0.19640000000000002, 0.27499999999999997, -0.3174,
    -0.6705, -1.4566999999999999, -1.331, -0.6167999999999999,
};

inline constexpr double kMatmulTnA[6] = {  // shape {3, 2}
    1.77, -1.68, 0.05, 0.43, 1.9, -0.49,
};
inline constexpr double kMatmulTnB[12] = {  // shape {3, 4}
    1.22, 1.23, 0.06, -0.86, -1.78, -0.47, -0.37, -1.82, -1.8, 2.0, 0.61, -1.06,
};
inline constexpr double kMatmulTnValue[8] = {  // shape {2, 4}
    -1.3496000000000001, 5.9536, 1.2467, -3.6271999999999998, -1.933, -3.2485, -0.5588, 1.1816,
};
inline constexpr double kMatmulTnCotangent[8] = {  // shape {2, 4}
    0.15, -0.63, -0.52, -0.5, 1.95, 0.53, 0.7, -0.68,
};
inline constexpr double kMatmulTnByA[6] = {  // shape {3, 2}
    -0.1931, 3.6576999999999997, 1.1315, -2.7415, -1.3172, -1.3021999999999996,
};
inline constexpr double kMatmulTnByB[12] = {  // shape {3, 4}
    -3.0105, -2.0055, -2.0964, 0.2574, 0.846, 0.19640000000000002, 0.27499999999999997, -0.3174,
    -0.6705, -1.4566999999999999, -1.331, -0.6167999999999999,
};

inline constexpr double kMatmulNtA[6] = {  // shape {2, 3}
    1.77, 0.05, 1.9, -1.68, 0.43, -0.49,
};
inline constexpr double kMatmulNtB[12] = {  // shape {4, 3}
    1.22, -1.78, -1.8, 1.23, -0.47, 2.0, 0.06, -0.37, 0.61, -0.86, -1.82, -1.06,
};
inline constexpr double kMatmulNtValue[8] = {  // shape {2, 4}
    -1.3496000000000001, 5.9536, 1.2467, -3.6271999999999998, -1.933, -3.2485, -0.5588, 1.1816,
};
inline constexpr double kMatmulNtCotangent[8] = {  // shape {2, 4}
    0.15, -0.63, -0.52, -0.5, 1.95, 0.53, 0.7, -0.68,
};
inline constexpr double kMatmulNtByA[6] = {  // shape {2, 3}
    -0.1931, 1.1315, -1.3172, 3.6576999999999997, -2.7415, -1.3021999999999996,
};
inline constexpr double kMatmulNtByB[12] = {  // shape {4, 3}
    -3.0105, 0.846, -0.6705, -2.0055, 0.19640000000000002, -1.4566999999999999, -2.0964,
    0.27499999999999997, -1.331, 0.2574, -0.3174, -0.6167999999999999,
};

inline constexpr double kMatmulTtA[6] = {  // shape {3, 2}
    1.77, -1.68, 0.05, 0.43, 1.9, -0.49,
};
inline constexpr double kMatmulTtB[12] = {  // shape {4, 3}
    1.22, -1.78, -1.8, 1.23, -0.47, 2.0, 0.06, -0.37, 0.61, -0.86, -1.82, -1.06,
};
inline constexpr double kMatmulTtValue[8] = {  // shape {2, 4}
    -1.3496000000000001, 5.9536, 1.2467, -3.6271999999999998, -1.933, -3.2485, -0.5588, 1.1816,
};
inline constexpr double kMatmulTtCotangent[8] = {  // shape {2, 4}
    0.15, -0.63, -0.52, -0.5, 1.95, 0.53, 0.7, -0.68,
};
inline constexpr double kMatmulTtByA[6] = {  // shape {3, 2}
    -0.1931, 3.6576999999999997, 1.1315, -2.7415, -1.3172, -1.3021999999999996,
};
inline constexpr double kMatmulTtByB[12] = {  // shape {4, 3}
    -3.0105, 0.846, -0.6705, -2.0055, 0.19640000000000002, -1.4566999999999999, -2.0964,
    0.27499999999999997, -1.331, 0.2574, -0.3174, -0.6167999999999999,
};

// {2, 2, 3} by {3, 2}: the right operand is broadcast over the batch; stored as above.
inline constexpr double kBatchMatmulNnA[12] = {  // shape {2, 2, 3}
    0.5, 1.59, 1.1, -1.1, -0.8, 1.49, -1.98, 1.28, 1.19, -0.13, -0.79, -0.89,
};
inline constexpr double kBatchMatmulNnB[6] = {  // shape {3, 2}
    -0.69, 1.95, -0.73, 1.15, 1.48, -0.44,
};
inline constexpr double kBatchMatmulNnValue[8] = {  // shape {2, 2, 2}
    0.12230000000000008, 2.3195, 3.5482, -3.7206, 2.1929999999999996, -2.9126, -0.6508,
    -0.7703999999999999,
};
inline constexpr double kBatchMatmulNnCotangent[8] = {  // shape {2, 2, 2}
    1.48, -0.85, 0.41, 1.11, 0.86, 1.66, 1.44, 1.67,
};
inline constexpr double kBatchMatmulNnByA[12] = {  // shape {2, 2, 3}
    -2.6786999999999996, -2.0579, 2.5644, 1.8816000000000002, 0.9772000000000001,
    0.11839999999999996, 2.6435999999999997, 1.2811999999999997, 0.5424, 2.2628999999999997,
    0.8692999999999999, 1.3963999999999999,
};
inline constexpr double kBatchMatmulNnByB[6] = {  // shape {3, 2}
    -1.601, -5.149900000000001, 1.9884000000000004, -1.4340000000000002, 1.9807000000000001,
    1.2079999999999997,
};

inline constexpr double kBatchMatmulTnA[12] = {  // shape {2, 3, 2}
    0.5, -1.1, 1.59, -0.8, 1.1, 1.49, -1.98, -0.13, 1.28, -0.79, 1.19, -0.89,
};
inline constexpr double kBatchMatmulTnB[6] = {  // shape {3, 2}
    -0.69, 1.95, -0.73, 1.15, 1.48, -0.44,
};
inline constexpr double kBatchMatmulTnValue[8] = {  // shape {2, 2, 2}
    0.12230000000000008, 2.3195, 3.5482, -3.7206, 2.1929999999999996, -2.9126, -0.6508,
    -0.7703999999999999,
};
inline constexpr double kBatchMatmulTnCotangent[8] = {  // shape {2, 2, 2}
    1.48, -0.85, 0.41, 1.11, 0.86, 1.66, 1.44, 1.67,
};
inline constexpr double kBatchMatmulTnByA[12] = {  // shape {2, 3, 2}
    -2.6786999999999996, 1.8816000000000002, -2.0579, 0.9772000000000001, 2.5644,
    0.11839999999999996, 2.6435999999999997, 2.2628999999999997, 1.2811999999999997,
    0.8692999999999999, 0.5424, 1.3963999999999999,
};
inline constexpr double kBatchMatmulTnByB[6] = {  // shape {3, 2}
    -1.601, -5.149900000000001, 1.9884000000000004, -1.4340000000000002, 1.9807000000000001,
    1.2079999999999997,
};

inline constexpr double kBatchMatmulNtA[12] = {  // shape {2, 2, 3}
    0.5, 1.59, 1.1, -1.1, -0.8, 1.49, -1.98, 1.28, 1.19, -0.13, -0.79, -0.89,
};
inline constexpr double kBatchMatmulNtB[6] = {  // shape {2, 3}
    -0.69, -0.73, 1.48, 1.95, 1.15, -0.44,
};
inline constexpr double kBatchMatmulNtValue[8] = {  // shape {2, 2, 2}
    0.12230000000000008, 2.3195, 3.5482, -3.7206, 2.1929999999999996, -2.9126, -0.6508,
    -0.7703999999999999,
};
inline constexpr double kBatchMatmulNtCotangent[8] = {  // shape {2, 2, 2}
    1.48, -0.85, 0.41, 1.11, 0.86, 1.66, 1.44, 1.67,
};
inline constexpr double kBatchMatmulNtByA[12] = {  // shape {2, 2, 3}
    -2.6786999999999996, -2.0579, 2.5644, 1.8816000000000002, 0.9772000000000001,
    0.11839999999999996, 2.6435999999999997, 1.2811999999999997, 0.5424, 2.2628999999999997,
    0.8692999999999999, 1.3963999999999999,
};
inline constexpr double kBatchMatmulNtByB[6] = {  // shape {2, 3}
    -1.601, 1.9884000000000004, 1.9807000000000001, -5.149900000000001, -1.4340000000000002,
    1.2079999999999997,
};

inline constexpr double kBatchMatmulTtA[12] = {  // shape {2, 3, 2}
    0.5, -1.1, 1.59, -0.8, 1.1, 1.49, -1.98, -0.13, 1.28, -0.79, 1.19, -0.89,
};
inline constexpr double kBatchMatmulTtB[6] = {  // shape {2, 3}
    -0.69, -0.73, 1.48, 1.95, 1.15, -0.44,
};
inline constexpr double kBatchMatmulTtValue[8] = {  // shape {2, 2, 2}
    0.12230000000000008, 2.3195, 3.5482, -3.7206, 2.1929999999999996, -2.9126, -0.6508,
    -0.7703999999999999,
};
inline constexpr double kBatchMatmulTtCotangent[8] = {  // shape {2, 2, 2}
    1.48, -0.85, 0.41, 1.11, 0.86, 1.66, 1.44, 1.67,
};
inline constexpr double kBatchMatmulTtByA[12] = {  // shape {2, 3, 2}
    -2.6786999999999996, 1.8816000000000002, -2.0579, 0.9772000000000001, 2.5644,
    0.11839999999999996, 2.6435999999999997, 2.2628999999999997, 1.2811999999999997,
    0.8692999999999999, 0.5424, 1.3963999999999999,
};
inline constexpr double kBatchMatmulTtByB[6] = {  // shape {2, 3}
    -1.601, 1.9884000000000004, 1.9807000000000001, -5.149900000000001, -1.4340000000000002,
    1.2079999999999997,
};

// Along axis 1 of {2, 4, 3}.
inline constexpr int kGatherIndices[5] = {  // shape {5}
    2, 0, 2, 3, 2,
};
inline constexpr double kGatherInput[24] = {  // shape {2, 4, 3}
    1.82, -1.17, 1.31, -1.4, 0.05, -1.46, 0.76, 1.37, -0.3, 1.83, 1.3, -0.65, 0.3, 1.01, 1.31, 1.73,
    -1.42, 0.98, -1.44, 1.63, -1.1, 1.41, -0.77, 1.88,
};
inline constexpr double kGatherValue[30] = {  // shape {2, 5, 3}
    0.76, 1.37, -0.3, 1.82, -1.17, 1.31, 0.76, 1.37, -0.3, 1.83, 1.3, -0.65, 0.76, 1.37, -0.3,
    -1.44, 1.63, -1.1, 0.3, 1.01, 1.31, -1.44, 1.63, -1.1, 1.41, -0.77, 1.88, -1.44, 1.63, -1.1,
};
inline constexpr double kGatherCotangent[30] = {  // shape {2, 5, 3}
    -1.49, -0.0, 0.41, -1.89, -1.41, 1.71, -1.72, -1.48, 1.79, 0.49, -0.52, 0.05, 0.65, -0.9, -1.45,
    1.15, 0.68, 0.05, 1.27, 0.2, 1.92, -1.18, 0.21, -0.07, -0.59, 0.37, -1.06, 1.21, 1.47, -1.48,
};
inline constexpr double kGatherByInput[24] = {  // shape {2, 4, 3}
    -1.89, -1.41, 1.71, 0.0, 0.0, 0.0, -2.56, -2.38, 0.7500000000000002, 0.49, -0.52, 0.05, 1.27,
    0.2, 1.92, 0.0, 0.0, 0.0, 1.18, 2.36, -1.5, -0.59, 0.37, -1.06,
};

// clang-format on

}  // namespace tendon::golden
