// Reads IValues from the wire by their types, and writes them back.
#include "wire.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <cstring>
#include <sstream>

namespace sconce {

namespace {

constexpr double maxSafeInteger = 9007199254740991.0;

/** A window on a storage, made without the dispatcher: this is the hot path of every call. */
at::Tensor window(const c10::Storage& storage, at::ScalarType dtype, at::IntArrayRef sizes, at::IntArrayRef strides,
                  int64_t offset) {
  int64_t last = offset;
  bool empty = false;
  for (size_t d = 0; d < sizes.size(); d++) {
    if (sizes[d] == 0) empty = true;
    last += (sizes[d] - 1) * strides[d];
  }
  const auto itemsize = static_cast<int64_t>(c10::elementSize(dtype));
  TORCH_CHECK_INDEX(empty || (offset >= 0 && (last + 1) * itemsize <= static_cast<int64_t>(storage.nbytes())),
                    "a view of shape ", sizes, " reaches beyond its memory");
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), c10::scalarTypeToTypeMeta(dtype));
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides, empty ? 0 : offset);
  return tensor;
}

at::Tensor wrapped(const c10::IValue& number) {
  const at::Scalar scalar = number.toScalar();
  auto tensor = at::scalar_tensor(scalar, at::TensorOptions().dtype(scalar.type()));
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return tensor;
}

[[noreturn]] void mismatch(Tag tag, const c10::Type& type) {
  static const char* names[] = {"None", "int", "int",  "float", "bool", "str",
                                "Tensor", "list", "list", "tuple", "tuple", "dict"};
  TORCH_CHECK_TYPE(false, "Expected a value of type '", type.repr_str(), "' but found ", names[static_cast<int>(tag)]);
}

}  // namespace

const std::string& Reader::string() {
  return strings_.at(static_cast<size_t>(integer()));
}

int64_t Reader::bigint() {
  int64_t bits;
  std::memcpy(&bits, at_++, sizeof(bits));
  return bits;
}

at::Tensor Reader::tensor() {
  const auto& storage = storages_.at(integer());
  const auto dtype = static_cast<at::ScalarType>(integer());
  const auto rank = static_cast<size_t>(integer());
  int64_t offset = integer();
  c10::SmallVector<int64_t, 8> sizes(rank), strides(rank), flips;
  for (size_t d = 0; d < rank; d++) sizes[d] = integer();
  for (size_t d = 0; d < rank; d++) {
    strides[d] = integer();
    if (strides[d] >= 0) continue;
    // LibTorch has no negative strides: take the window from its other end, then flip it into a copy.
    if (sizes[d] > 0) offset += (sizes[d] - 1) * strides[d];
    strides[d] = -strides[d];
    flips.push_back(static_cast<int64_t>(d));
  }
  if (inputs_) inputs_->push_back(storage.unsafeGetStorageImpl());
  auto result = window(storage, dtype, sizes, strides, offset);
  return flips.empty() ? result : at::flip(result, flips);
}

c10::IValue Reader::list(const c10::Type& element, const c10::TypePtr& elementPtr, Tag tag) {
  if (tag == Tag::integer) {  // a single int for an int[2]
    TORCH_CHECK_TYPE(element.kind() == c10::TypeKind::IntType, "Expected a list");
    return c10::List<int64_t>({integer()});
  }
  const auto n = static_cast<size_t>(integer());
  if (tag == Tag::ints) {
    if (element.kind() == c10::TypeKind::IntType) {
      c10::List<int64_t> list;
      list.reserve(n);
      for (size_t i = 0; i < n; i++) list.push_back(integer());
      return list;
    }
    if (element.kind() == c10::TypeKind::FloatType) {
      c10::List<double> list;
      for (size_t i = 0; i < n; i++) list.push_back(number());
      return list;
    }
    c10::impl::GenericList list(elementPtr);
    TORCH_CHECK_TYPE(element.kind() == c10::TypeKind::NumberType || element.kind() == c10::TypeKind::AnyType,
                     "Expected a list of '", element.repr_str(), "' but found a list of int");
    for (size_t i = 0; i < n; i++) list.push_back(integer());
    return list;
  }
  c10::impl::GenericList list(elementPtr);
  list.reserve(n);
  for (size_t i = 0; i < n; i++) list.push_back(value(elementPtr));
  // IValue(GenericList) keeps the element type, and so serves as List<Tensor>, List<int64_t>, … alike.
  return list;
}

/** What a container of these is a container of, as PyTorch infers it from values. */
static c10::TypePtr commonType(const std::vector<c10::IValue>& items) {
  if (items.empty()) return c10::AnyType::get();
  const c10::TypePtr first = items.front().type();
  for (const auto& item : items)
    if (*item.type() != *first) return c10::AnyType::get();
  return first;
}

c10::IValue Reader::untyped() {
  const auto tag = static_cast<Tag>(integer());
  switch (tag) {
    case Tag::none: return {};
    case Tag::integer: return integer();
    case Tag::bigint: return bigint();
    case Tag::number: return number();
    case Tag::boolean: return integer() != 0;
    case Tag::string: return string();
    case Tag::tensor: return tensor();
    case Tag::ints: return list(*c10::IntType::get(), c10::IntType::get(), tag);
    case Tag::list: {
      std::vector<c10::IValue> items;
      const auto n = integer();
      for (int64_t i = 0; i < n; i++) items.push_back(untyped());
      c10::impl::GenericList list(commonType(items));
      for (auto& item : items) list.push_back(std::move(item));
      return list;
    }
    case Tag::tuple: {
      std::vector<c10::IValue> items;
      const auto n = integer();
      for (int64_t i = 0; i < n; i++) items.push_back(untyped());
      return c10::ivalue::Tuple::create(std::move(items));
    }
    default: {
      std::vector<c10::IValue> keys, values;
      const auto n = integer();
      TORCH_CHECK_TYPE(n > 0, "an empty dict needs a type: the method's argument does not say which");
      for (int64_t i = 0; i < n; i++) {
        keys.push_back(untyped());
        values.push_back(untyped());
      }
      c10::impl::GenericDict dict(commonType(keys), commonType(values));
      for (size_t i = 0; i < keys.size(); i++) dict.insert(std::move(keys[i]), std::move(values[i]));
      return dict;
    }
  }
}

c10::IValue Reader::member(const c10::UnionType& type) {
  const auto given = untyped();
  const auto members = type.containedTypes();
  for (const auto& each : members)
    if (given.type()->isSubtypeOf(*each)) return given;
  for (const auto& each : members) {
    if (each->kind() == c10::TypeKind::FloatType && given.isInt()) return static_cast<double>(given.toInt());
    if (each->kind() == c10::TypeKind::ListType && given.isList() && given.toListRef().empty())
      return c10::impl::GenericList(each->castRaw<c10::ListType>()->getElementType());
  }
  TORCH_CHECK_TYPE(false, "Expected a value of type '", type.repr_str(), "' but found a value of type '",
                   given.type()->repr_str(), "'");
}

c10::IValue Reader::value(const c10::TypePtr& type) {
  if (type->kind() == c10::TypeKind::AnyType) return untyped();
  if (type->kind() == c10::TypeKind::UnionType) return member(type->expectRef<c10::UnionType>());
  if (type->kind() == c10::TypeKind::OptionalType) {
    if (static_cast<Tag>(static_cast<int>(*at_)) == Tag::none) {
      at_++;
      return {};
    }
    return value(type->castRaw<c10::OptionalType>()->getElementType());
  }
  const auto tag = static_cast<Tag>(integer());
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      switch (tag) {
        case Tag::tensor: return tensor();
        case Tag::integer: return wrapped(integer());
        case Tag::bigint: return wrapped(bigint());
        case Tag::number: return wrapped(number());
        case Tag::boolean: return wrapped(integer() != 0);
        default: mismatch(tag, *type);
      }
    case c10::TypeKind::IntType:
    case c10::TypeKind::ScalarTypeType:
    case c10::TypeKind::LayoutType:
    case c10::TypeKind::MemoryFormatType:
      if (tag == Tag::integer) return integer();
      if (tag == Tag::bigint) return bigint();
      mismatch(tag, *type);
    case c10::TypeKind::FloatType:
      if (tag == Tag::integer || tag == Tag::number) return number();
      if (tag == Tag::bigint) return static_cast<double>(bigint());
      mismatch(tag, *type);
    case c10::TypeKind::BoolType:
      if (tag == Tag::boolean) return integer() != 0;
      mismatch(tag, *type);
    case c10::TypeKind::NumberType:
      switch (tag) {
        case Tag::integer: return integer();
        case Tag::bigint: return bigint();
        case Tag::number: return number();
        case Tag::boolean: return integer() != 0;
        default: mismatch(tag, *type);
      }
    case c10::TypeKind::StringType:
      if (tag == Tag::string) return string();
      mismatch(tag, *type);
    case c10::TypeKind::DeviceObjType:
      if (tag == Tag::string) return c10::Device(string());
      mismatch(tag, *type);
    case c10::TypeKind::NoneType:
      if (tag == Tag::none) return {};
      mismatch(tag, *type);
    case c10::TypeKind::ListType: {
      if (tag != Tag::list && tag != Tag::ints && tag != Tag::integer) mismatch(tag, *type);
      const auto& element = type->castRaw<c10::ListType>()->getElementType();
      return list(*element, element, tag);
    }
    case c10::TypeKind::TupleType: {
      // JavaScript has arrays only, so an array may be a tuple.
      if (tag != Tag::tuple && tag != Tag::list && tag != Tag::ints) mismatch(tag, *type);
      const auto tuple = type->cast<c10::TupleType>();
      const auto n = integer();
      TORCH_CHECK_TYPE(n == static_cast<int64_t>(tuple->elements().size()), "Expected a tuple of ",
                       tuple->elements().size(), " values but found ", n);
      std::vector<c10::IValue> items;
      for (const auto& element : tuple->elements()) {
        if (tag != Tag::ints) items.push_back(value(element));
        else if (element->kind() == c10::TypeKind::FloatType) items.emplace_back(number());
        else items.emplace_back(integer());
      }
      if (tuple->schema()) return c10::ivalue::Tuple::createNamed(std::move(items), tuple);
      return c10::ivalue::Tuple::create(std::move(items));
    }
    case c10::TypeKind::DictType: {
      if (tag != Tag::dict) mismatch(tag, *type);
      const auto* dict = type->castRaw<c10::DictType>();
      c10::impl::GenericDict result(dict->getKeyType(), dict->getValueType());
      const auto n = integer();
      for (int64_t i = 0; i < n; i++) {
        auto key = value(dict->getKeyType());
        result.insert(std::move(key), value(dict->getValueType()));
      }
      return result;
    }
    default:
      TORCH_CHECK_TYPE(false, "an argument of type '", type->repr_str(), "' cannot come from JavaScript");
  }
}

void Writer::string(const std::string& text) {
  tag(Tag::string);
  count(strings.size());
  strings.push_back(text);
}

void Writer::tensor(const at::Tensor& given) {
  if (!given.defined()) return tag(Tag::none);
  TORCH_CHECK_TYPE(given.layout() == at::kStrided && given.device().is_cpu(), "a tensor on ", given.device(),
                   " with layout ", given.layout(), " cannot cross to JavaScript");
  const at::Tensor tensor = given.is_neg() || given.is_conj() ? given.clone() : given;
  tag(Tag::tensor);
  count(instance_.storages.keep(tensor.storage()));
  count(static_cast<int>(tensor.scalar_type()));
  count(tensor.dim());
  count(tensor.storage_offset());
  for (const auto size : tensor.sizes()) numbers.push_back(static_cast<double>(size));
  for (const auto stride : tensor.strides()) numbers.push_back(static_cast<double>(stride));
}

void Writer::value(const c10::IValue& value) {
  if (value.isNone()) return tag(Tag::none);
  if (value.isTensor()) return tensor(value.toTensor());
  if (value.isBool()) {
    tag(Tag::boolean);
    return count(value.toBool() ? 1 : 0);
  }
  if (value.isInt()) {
    const int64_t v = value.toInt();
    if (std::abs(static_cast<double>(v)) <= maxSafeInteger) {
      tag(Tag::integer);
      numbers.push_back(static_cast<double>(v));
    } else {
      tag(Tag::bigint);
      double bits;
      std::memcpy(&bits, &v, sizeof(bits));
      numbers.push_back(bits);
    }
    return;
  }
  if (value.isDouble()) {
    tag(Tag::number);
    numbers.push_back(value.toDouble());
    return;
  }
  if (value.isString()) return string(value.toStringRef());
  if (value.isDevice()) return string(value.toDevice().str());
  if (value.isList()) {
    const auto list = value.toList();
    tag(Tag::list);
    count(list.size());
    for (size_t i = 0; i < list.size(); i++) this->value(list.get(i));
    return;
  }
  if (value.isTuple()) {
    const auto tuple = value.toTuple();
    const auto type = tuple->type();
    const bool isNamed = type->schema() != nullptr;
    tag(isNamed ? Tag::named : Tag::tuple);
    count(tuple->elements().size());
    for (size_t i = 0; i < tuple->elements().size(); i++) {
      if (isNamed) string(type->schema()->arguments()[i].name());
      this->value(tuple->elements()[i]);
    }
    return;
  }
  if (value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    tag(Tag::dict);
    count(dict.size());
    for (const auto& entry : dict) {
      this->value(entry.key());
      this->value(entry.value());
    }
    return;
  }
  TORCH_CHECK_TYPE(false, "a value of type '", value.type()->repr_str(), "' cannot cross to JavaScript");
}

size_t Writer::deliver() {
  if (numbers.size() <= instance_.capacity)
    std::memcpy(instance_.wire, numbers.data(), numbers.size() * sizeof(double));
  return numbers.size();
}

}  // namespace sconce
