// What one JavaScript environment (the main thread, or a worker) holds of LibTorch: storages, strings, operators, the wire.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sconce {

/** An operator found in the dispatcher, with what a call needs of its schema. */
struct Operator {
  c10::OperatorHandle handle;
  std::vector<c10::TypePtr> types;
};

/**
 * Storages are named by slot numbers, because a number crosses the border to JavaScript far faster than an object.
 * A slot keeps its storage until JavaScript frees it.
 */
class Storages {
 public:
  explicit Storages(napi_env env) : env_(env) {}

  int64_t keep(c10::Storage storage) {
    account(storage, 1);
    if (free_.empty()) {
      slots_.push_back(std::move(storage));
      return static_cast<int64_t>(slots_.size()) - 1;
    }
    const int64_t slot = free_.back();
    free_.pop_back();
    slots_[slot] = std::move(storage);
    return slot;
  }

  const c10::Storage& at(int64_t slot) const {
    TORCH_CHECK(slot >= 0 && slot < static_cast<int64_t>(slots_.size()) && slots_[slot],
                "this memory was freed, or is not LibTorch's");
    return slots_[slot];
  }

  void free(int64_t slot) {
    account(at(slot), -1);
    slots_[slot] = c10::Storage();
    free_.push_back(slot);
  }

  int64_t live() const { return static_cast<int64_t>(slots_.size() - free_.size()); }

 private:
  /** Tells V8 of large memories, so that it collects what holds them in time; small ones are not worth the call. */
  void account(const c10::Storage& storage, int sign) {
    const auto bytes = static_cast<int64_t>(storage.nbytes());
    int64_t total;
    if (bytes >= 1 << 16) napi_adjust_external_memory(env_, sign * bytes, &total);
  }

  napi_env env_;
  std::vector<c10::Storage> slots_;
  std::vector<int64_t> free_;
};

struct Instance {
  explicit Instance(napi_env env) : storages(env) {}

  Storages storages;
  std::vector<Operator> operators;
  /** Strings that JavaScript sends by number: names of modes, devices, … */
  std::vector<std::string> strings;

  /** The shared array through which arguments and results cross: see wire.h. */
  double* wire = nullptr;
  size_t capacity = 0;
  Napi::Reference<Napi::ArrayBuffer> wireBuffer;
  /** Where a result is gathered; one too long for the wire waits here until JavaScript has made a longer one. */
  std::vector<double> result;
};

inline Instance& instance(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Instance*>(data);
}

}  // namespace sconce
