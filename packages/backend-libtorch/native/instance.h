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
  int64_t keep(c10::Storage storage) {
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
    at(slot);
    slots_[slot] = c10::Storage();
    free_.push_back(slot);
  }

  int64_t live() const { return static_cast<int64_t>(slots_.size() - free_.size()); }

 private:
  std::vector<c10::Storage> slots_;
  std::vector<int64_t> free_;
};

struct Instance {
  Storages storages;
  std::vector<Operator> operators;
  /** Strings that JavaScript sends by number: names of modes, devices, … */
  std::vector<std::string> strings;

  /** The shared array through which arguments and results cross: see wire.h. */
  double* wire = nullptr;
  size_t capacity = 0;
  Napi::Reference<Napi::ArrayBuffer> wireBuffer;
  /** A result too long for the wire waits here until JavaScript has made a longer one. */
  std::vector<double> pending;
};

inline Instance& instance(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Instance*>(data);
}

}  // namespace sconce
