// CUDA graphs: captured ones, those built by hand and updated, and conditional nodes whose handles
// kernels set.
#include "support/device.h"

namespace emulator_test {
namespace {

__global__ void add_number(int* cell, int number) { *cell += number; }
__global__ void double_cell(int* cell) { *cell *= 2; }

__global__ void set_condition(cudaGraphConditionalHandle handle, const int* cell) {
  cudaGraphSetConditional(handle, static_cast<unsigned int>(*cell));
}

__global__ void count_down(cudaGraphConditionalHandle handle, int* left, int* sum) {
  *sum += *left;
  *left -= 1;
  cudaGraphSetConditional(handle, *left > 0 ? 1 : 0);
}

class Graphs : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (IsSkipped()) return;
    require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    require(cudaGraphCreate(&graph_, 0));
  }
  void TearDown() override {
    if (executable_ != nullptr) {
      EXPECT_EQ(cudaGraphExecDestroy(executable_), cudaSuccess);
    }
    if (graph_ != nullptr) {
      EXPECT_EQ(cudaGraphDestroy(graph_), cudaSuccess);
    }
    if (stream_ != nullptr) {
      EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    }
    DeviceTest::TearDown();
  }
  void instantiate() { require(cudaGraphInstantiate(&executable_, graph_, 0)); }
  void launch() {
    require(cudaGraphLaunch(executable_, stream_));
    require(cudaStreamSynchronize(stream_));
  }

  cudaStream_t stream_ = nullptr;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

// A node that runs `function` once with these arguments, which are copied.
template <typename... Arguments>
cudaGraphNode_t add_kernel(cudaGraph_t graph, const std::vector<cudaGraphNode_t>& after,
                           void (*function)(Arguments...),
                           std::type_identity_t<Arguments>... values) {
  void* arguments[] = {&values...};
  cudaKernelNodeParams parameters{};
  parameters.func = reinterpret_cast<void*>(function);
  parameters.gridDim = dim3(1);
  parameters.blockDim = dim3(1);
  parameters.kernelParams = arguments;
  cudaGraphNode_t node = nullptr;
  require(cudaGraphAddKernelNode(&node, graph, after.data(), after.size(), &parameters));
  return node;
}

// Gives the bodies of the new node.
std::vector<cudaGraph_t> add_conditional(cudaGraph_t graph, cudaGraphNode_t after,
                                         cudaGraphConditionalHandle handle,
                                         cudaGraphConditionalNodeType type, unsigned int bodies) {
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeConditional;
  parameters.conditional.handle = handle;
  parameters.conditional.type = type;
  parameters.conditional.size = bodies;
  cudaGraphNode_t node = nullptr;
  require(cudaGraphAddNode(&node, graph, after == nullptr ? nullptr : &after, nullptr,
                           after == nullptr ? 0 : 1, &parameters));
  return {parameters.conditional.phGraph_out, parameters.conditional.phGraph_out + bodies};
}

cudaGraphConditionalHandle make_handle(cudaGraph_t graph, unsigned int value = 0,
                                       unsigned int flags = 0) {
  cudaGraphConditionalHandle handle = 0;
  require(cudaGraphConditionalHandleCreate(&handle, graph, value, flags));
  return handle;
}

TEST_F(Graphs, CapturedWorkRunsAtEachLaunchAndNotBefore) {
  for_each_seed([&](std::uint64_t) {
    const DeviceArray<int> cell(std::vector<int>{5});
    cudaStream_t side = nullptr;
    cudaEvent_t fork = nullptr, join = nullptr;
    require(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
    require(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    require(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    require(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal));
    add_number<<<1, 1, 0, stream_>>>(cell.get(), 1);
    require(cudaEventRecord(fork, stream_));
    require(cudaStreamWaitEvent(side, fork, 0));
    double_cell<<<1, 1, 0, side>>>(cell.get());
    require(cudaEventRecord(join, side));
    require(cudaStreamWaitEvent(stream_, join, 0));
    add_number<<<1, 1, 0, stream_>>>(cell.get(), 3);
    require(cudaStreamEndCapture(stream_, &graph));
    require(cudaGraphInstantiate(&executable, graph, 0));
    EXPECT_EQ(cell.values()[0], 5);
    for (int i = 0; i < 2; ++i) require(cudaGraphLaunch(executable, stream_));
    require(cudaStreamSynchronize(stream_));
    EXPECT_EQ(cell.values()[0], ((5 + 1) * 2 + 3 + 1) * 2 + 3);
    std::size_t nodes = 0;
    require(cudaGraphGetNodes(graph, nullptr, &nodes));
    EXPECT_EQ(nodes, 3u);
    require(cudaGraphExecDestroy(executable));
    require(cudaGraphDestroy(graph));
    require(cudaEventDestroy(fork));
    require(cudaEventDestroy(join));
    require(cudaStreamDestroy(side));
  });
}

TEST_F(Graphs, AnExecutableTakesNewArguments) {
  const DeviceArray<int> cell(std::vector<int>{1}), other(std::vector<int>{100});
  const auto first = add_kernel(graph_, {}, add_number, cell.get(), 2);
  add_kernel(graph_, {first}, double_cell, cell.get());
  instantiate();
  launch();
  EXPECT_EQ(cell.values()[0], 6);
  int* out = other.get();
  int number = 11;
  void* arguments[] = {&out, &number};
  cudaKernelNodeParams parameters{};
  parameters.func = reinterpret_cast<void*>(add_number);
  parameters.gridDim = parameters.blockDim = dim3(1);
  parameters.kernelParams = arguments;
  require(cudaGraphExecKernelNodeSetParams(executable_, first, &parameters));
  launch();
  EXPECT_EQ(cell.values()[0], 12);
  EXPECT_EQ(other.values()[0], 111);
}

TEST_F(Graphs, AnExecutableIsUpdatedFromAGraphOfTheSameShape) {
  const DeviceArray<int> cell(std::vector<int>{1});
  const auto build = [&](cudaGraph_t graph, int number) {
    const auto first = add_kernel(graph, {}, add_number, cell.get(), number);
    add_kernel(graph, {first}, double_cell, cell.get());
  };
  build(graph_, 2);
  instantiate();
  cudaGraph_t other = nullptr;
  require(cudaGraphCreate(&other, 0));
  build(other, 9);
  cudaGraphExecUpdateResultInfo info{};
  require(cudaGraphExecUpdate(executable_, other, &info));
  EXPECT_EQ(info.result, cudaGraphExecUpdateSuccess);
  launch();
  EXPECT_EQ(cell.values()[0], 20);
  add_kernel(other, {}, double_cell, cell.get());
  EXPECT_EQ(cudaGraphExecUpdate(executable_, other, &info), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(info.result, cudaGraphExecUpdateErrorTopologyChanged);
  cudaGetLastError();
  require(cudaGraphDestroy(other));
}

TEST_F(Graphs, CopiesAndFillsAreNodesToo) {
  const DeviceArray<int> a(std::vector<int>{1, 2, 3, 4}), b(4);
  std::vector<int> out(4);
  cudaMemsetParams fill{};
  fill.dst = a.get();
  fill.elementSize = 4;
  fill.value = 7;
  fill.width = 2;
  fill.height = 1;
  cudaGraphNode_t filled = nullptr, copied = nullptr, read = nullptr;
  require(cudaGraphAddMemsetNode(&filled, graph_, nullptr, 0, &fill));
  require(cudaGraphAddMemcpyNode1D(&copied, graph_, &filled, 1, b.get(), a.get(), 16,
                                   cudaMemcpyDeviceToDevice));
  require(cudaGraphAddMemcpyNode1D(&read, graph_, &copied, 1, out.data(), b.get(), 16,
                                   cudaMemcpyDeviceToHost));
  instantiate();
  launch();
  EXPECT_TRUE(same(out, {7, 7, 3, 4}));
}

TEST_F(Graphs, AWhileNodeRunsUntilItsBodySaysStop) {
  for_each_seed([&](std::uint64_t) {
    const DeviceArray<int> left(std::vector<int>{6}), sum(std::vector<int>{0});
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    require(cudaGraphCreate(&graph, 0));
    const auto handle = make_handle(graph, 1, cudaGraphCondAssignDefault);
    const auto bodies = add_conditional(graph, nullptr, handle, cudaGraphCondTypeWhile, 1);
    const auto counted = add_kernel(bodies[0], {}, count_down, handle, left.get(), sum.get());
    add_kernel(bodies[0], {counted}, add_number, sum.get(), 100);
    require(cudaGraphInstantiate(&executable, graph, 0));
    require(cudaGraphLaunch(executable, stream_));
    require(cudaStreamSynchronize(stream_));
    EXPECT_EQ(left.values()[0], 0);
    EXPECT_EQ(sum.values()[0], 621);
    require(cudaGraphExecDestroy(executable));
    require(cudaGraphDestroy(graph));
  });
}

TEST_F(Graphs, AnIfNodeRunsOneOfItsBodies) {
  const DeviceArray<int> condition(1), sum(std::vector<int>{0});
  const auto handle = make_handle(graph_);
  const auto set = add_kernel(graph_, {}, set_condition, handle, condition.get());
  const auto bodies = add_conditional(graph_, set, handle, cudaGraphCondTypeIf, 2);
  add_kernel(bodies[0], {}, add_number, sum.get(), 1);
  add_kernel(bodies[1], {}, add_number, sum.get(), 1000);
  instantiate();
  for (const int value : {1, 0, 7, 0, 0}) {
    require(cudaMemcpy(condition.get(), &value, sizeof(value), cudaMemcpyHostToDevice));
    launch();
  }
  EXPECT_EQ(sum.values()[0], 3002);
}

TEST_F(Graphs, ASwitchNodeRunsTheBodyOfItsNumberOrNone) {
  const DeviceArray<int> condition(1), sum(std::vector<int>{0});
  const auto handle = make_handle(graph_);
  const auto set = add_kernel(graph_, {}, set_condition, handle, condition.get());
  const auto bodies = add_conditional(graph_, set, handle, cudaGraphCondTypeSwitch, 3);
  for (int i = 0, number = 1; i < 3; ++i, number *= 10) {
    add_kernel(bodies[i], {}, add_number, sum.get(), number);
  }
  instantiate();
  for (const int value : {2, 0, 1, 2, 3, 9}) {
    require(cudaMemcpy(condition.get(), &value, sizeof(value), cudaMemcpyHostToDevice));
    launch();
  }
  EXPECT_EQ(sum.values()[0], 211);
}

TEST_F(Graphs, ABodyIsCapturedFromAStream) {
  const DeviceArray<int> sum(std::vector<int>{1});
  const auto handle = make_handle(graph_, 1, cudaGraphCondAssignDefault);
  const auto bodies = add_conditional(graph_, nullptr, handle, cudaGraphCondTypeIf, 1);
  require(cudaStreamBeginCaptureToGraph(stream_, bodies[0], nullptr, nullptr, 0,
                                        cudaStreamCaptureModeThreadLocal));
  add_number<<<1, 1, 0, stream_>>>(sum.get(), 4);
  double_cell<<<1, 1, 0, stream_>>>(sum.get());
  cudaGraph_t captured = nullptr;
  require(cudaStreamEndCapture(stream_, &captured));
  EXPECT_EQ(captured, bodies[0]);
  instantiate();
  launch();
  EXPECT_EQ(sum.values()[0], 10);
}

TEST_F(Graphs, ACaptureIntoAGraphEndsWithoutAPlaceForIt) {
  const DeviceArray<int> sum(std::vector<int>{1});
  require(cudaStreamBeginCaptureToGraph(stream_, graph_, nullptr, nullptr, 0,
                                        cudaStreamCaptureModeThreadLocal));
  add_number<<<1, 1, 0, stream_>>>(sum.get(), 4);
  require(cudaStreamEndCapture(stream_, nullptr));
  instantiate();
  launch();
  EXPECT_EQ(sum.values()[0], 5);
}

// Forks `other` from a capture of `stream`, with a node each side.
void fork(cudaStream_t stream, cudaStream_t other, cudaEvent_t event, int* left, int* right) {
  require(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  require(cudaEventRecord(event, stream));
  require(cudaStreamWaitEvent(other, event, 0));
  add_number<<<1, 1, 0, stream>>>(left, 3);
  add_number<<<1, 1, 0, other>>>(right, 4);
}

TEST_F(Graphs, AStreamThatHasJoinedACaptureMayBeDestroyed) {
  const DeviceArray<int> left(std::vector<int>{0}), right(std::vector<int>{0});
  cudaStream_t other = nullptr;
  cudaEvent_t event = nullptr;
  require(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  require(cudaEventCreate(&event));
  fork(stream_, other, event, left.get(), right.get());
  require(cudaEventRecord(event, other));
  require(cudaStreamWaitEvent(stream_, event, 0));
  require(cudaStreamDestroy(other));
  require(cudaGraphDestroy(graph_));
  graph_ = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream_, &graph_), cudaSuccess);
  instantiate();
  launch();
  EXPECT_EQ(left.values()[0] + 10 * right.values()[0], 43);
  require(cudaEventDestroy(event));
}

TEST_F(Graphs, AStreamThatHasYetToJoinACaptureSpoilsItWhenDestroyed) {
  const DeviceArray<int> left(std::vector<int>{0}), right(std::vector<int>{0});
  cudaStream_t other = nullptr;
  cudaEvent_t event = nullptr;
  require(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  require(cudaEventCreate(&event));
  fork(stream_, other, event, left.get(), right.get());
  require(cudaStreamDestroy(other));
  cudaGraph_t captured = nullptr;
  EXPECT_NE(cudaStreamEndCapture(stream_, &captured), cudaSuccess);
  cudaGetLastError();
  require(cudaEventDestroy(event));
}

TEST_F(Graphs, AConditionalInsideAConditionalRuns) {
  const DeviceArray<int> left(std::vector<int>{4}), sum(std::vector<int>{0});
  const DeviceArray<int> never(std::vector<int>{0});
  const auto outer = make_handle(graph_, 1, cudaGraphCondAssignDefault);
  const auto inner = make_handle(graph_);
  const auto loop = add_conditional(graph_, nullptr, outer, cudaGraphCondTypeWhile, 1);
  const auto counted = add_kernel(loop[0], {}, count_down, outer, left.get(), sum.get());
  const auto set = add_kernel(loop[0], {counted}, set_condition, inner, left.get());
  const auto branch = add_conditional(loop[0], set, inner, cudaGraphCondTypeIf, 1);
  add_kernel(branch[0], {}, add_number, sum.get(), 1000);
  instantiate();
  launch();
  EXPECT_EQ(sum.values()[0], 3010);  // not in the last round, where none is left
}

}  // namespace
}  // namespace emulator_test
