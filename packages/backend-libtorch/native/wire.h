// How values cross between JavaScript and LibTorch: as numbers in one shared Float64Array, each value a tag and its parts.
//
//   none | int v | bigint (the 64 bits) | float v | bool v | string index
//   tensor slot dtype rank offset sizes… strides…        (dtype: at::ScalarType; strides and offset count elements)
//   list n values… | ints n v… | tuple n values… | named n (string value)… | dict n (key value)…
//
// JavaScript sends numbers without their types; a schema's types decide here what they become.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include <string>
#include <vector>

#include "instance.h"

namespace sconce {

enum class Tag : int {
  none = 0,
  integer = 1,
  bigint = 2,
  number = 3,
  boolean = 4,
  string = 5,
  tensor = 6,
  list = 7,
  ints = 8,
  tuple = 9,
  named = 10,
  dict = 11,
};

class Reader {
 public:
  /** `inputs` collects the storages of the tensors read, where the caller wants to know them. */
  Reader(const Storages& storages, const std::vector<std::string>& strings, const double* wire,
         std::vector<c10::StorageImpl*>* inputs = nullptr)
      : storages_(storages), strings_(strings), at_(wire), inputs_(inputs) {}

  double number() { return *at_++; }
  int64_t integer() { return static_cast<int64_t>(*at_++); }

  /** The next value as this type; a value that cannot be it is a c10::TypeError. */
  c10::IValue value(const c10::TypePtr& type);

 private:
  at::Tensor tensor();
  c10::IValue list(const c10::Type& element, const c10::TypePtr& elementPtr, Tag tag);
  c10::IValue untyped();
  c10::IValue member(const c10::UnionType& type);
  const std::string& string();
  int64_t bigint();

  const Storages& storages_;
  const std::vector<std::string>& strings_;
  const double* at_;
  std::vector<c10::StorageImpl*>* inputs_;
};

class Writer {
 public:
  explicit Writer(Instance& instance) : numbers(instance.result), instance_(instance) { numbers.clear(); }

  void value(const c10::IValue& value);
  void tensor(const at::Tensor& tensor);
  void count(size_t n) { numbers.push_back(static_cast<double>(n)); }

  /** Puts what was written on the wire. Its length goes to JavaScript, which grows the wire and fetches if it is too long. */
  size_t deliver();

  std::vector<double>& numbers;
  std::vector<std::string> strings;

 private:
  void tag(Tag tag) { numbers.push_back(static_cast<double>(tag)); }
  void string(const std::string& text);

  Instance& instance_;
};

}  // namespace sconce
