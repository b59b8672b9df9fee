// One boxed call through c10's dispatcher serves every operator.
#include "dispatcher.h"

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <sstream>

#include "errors.h"
#include "wire.h"

namespace sconce {

namespace {

/** `operator(name, overload)`: `{ index, schema }`, or undefined where this LibTorch has no such operator. */
Napi::Value findOperator(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string name = info[0].As<Napi::String>(), overload = info[1].As<Napi::String>();
    const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!handle) return env.Undefined();
    auto& operators = instance(env).operators;
    Operator found{*handle, {}};
    for (const auto& argument : handle->schema().arguments()) found.types.push_back(argument.type());
    operators.push_back(std::move(found));
    std::ostringstream schema;
    schema << handle->schema();
    auto result = Napi::Object::New(env);
    result.Set("index", Napi::Number::New(env, static_cast<double>(operators.size() - 1)));
    result.Set("schema", Napi::String::New(env, schema.str()));
    return result;
  });
}

/**
 * `call()`: the wire holds the operator's index, whether to keep results, and the arguments; after it, how many values
 * the result has, and these. -1 values, and nothing kept, when one is None, shares memory with an argument or has a dtype
 * that JavaScript does not hold. Returns the result's length.
 */
napi_value call(napi_env env, napi_callback_info) {
  return thrown(env, [&] {
    auto& here = instance(env);
    static thread_local std::vector<c10::StorageImpl*> inputs;
    inputs.clear();
    Reader reader(here.storages, here.strings, here.wire, &inputs);
    auto& op = here.operators.at(static_cast<size_t>(reader.integer()));
    const bool keep = reader.integer() != 0;
    c10::InferenceMode inference;
    torch::jit::Stack stack;
    stack.reserve(op.types.size());
    for (const auto& type : op.types) stack.push_back(reader.value(type));
    op.handle.callBoxed(&stack);
    size_t length = 0;
    if (keep) {
      bool isUnwanted = false;
      std::vector<c10::StorageImpl*> outputs;
      for (auto& value : stack) {
        if (!value.isTensor() || !value.toTensor().defined() || !value.toTensor().has_storage()) {
          isUnwanted = true;
          continue;
        }
        auto* storage = value.toTensor().storage().unsafeGetStorageImpl();
        for (auto* input : inputs) isUnwanted = isUnwanted || input == storage;
        const auto dtype = value.toTensor().scalar_type();
        isUnwanted = isUnwanted || c10::isComplexType(dtype) || c10::isQIntType(dtype);
        // Two results in one storage would be one memory to JavaScript, freed twice.
        for (auto* output : outputs)
          if (output == storage) value = value.toTensor().clone();
        outputs.push_back(storage);
      }
      if (isUnwanted) {
        here.wire[0] = -1;
        length = 1;
      } else {
        Writer writer(here);
        writer.count(stack.size());
        for (const auto& value : stack) writer.value(value);
        TORCH_CHECK(writer.strings.empty(), "an operator returned a string");
        length = writer.deliver();
      }
    }
    napi_value result;
    napi_create_uint32(env, static_cast<uint32_t>(length), &result);
    return result;
  });
}

}  // namespace

void defineDispatcher(Napi::Env env, Napi::Object exports) {
  exports.Set("operator", Napi::Function::New(env, findOperator, "operator"));
  defineFunction(env, exports, "call", call);
}

}  // namespace sconce
