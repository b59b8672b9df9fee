// An at::Storage is the backend's memory; typed arrays are copied in and out of it.
#include "storage.h"

#include <c10/core/CPUAllocator.h>

#include <cstring>

#include "errors.h"
#include "instance.h"

namespace sconce {

namespace {

Napi::Value allocate(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  return guarded(env, [&] {
    const auto bytes = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
    c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, c10::GetCPUAllocator(), /*resizable=*/true);
    return Napi::Number::New(env, static_cast<double>(instance(env).storages.keep(std::move(storage))));
  });
}

napi_value release(napi_env env, napi_callback_info info) {
  return thrown(env, [&]() -> napi_value {
    size_t count = 1;
    napi_value argument;
    napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
    int64_t slot = -1;
    napi_get_value_int64(env, argument, &slot);
    instance(env).storages.free(slot);
    return nullptr;
  });
}

/** The bytes of `write(slot, byteOffset, typedArray)` and `read(...)` on both sides, checked. */
struct Span {
  uint8_t* storage;
  uint8_t* array;
  size_t bytes;
};

Span span(const Napi::CallbackInfo& info) {
  const auto& storage = instance(info.Env()).storages.at(info[0].As<Napi::Number>().Int64Value());
  const auto offset = info[1].As<Napi::Number>().Int64Value();
  const auto array = info[2].As<Napi::TypedArray>();
  const size_t bytes = array.ByteLength();
  TORCH_CHECK_INDEX(offset >= 0 && offset + bytes <= storage.nbytes(), bytes, " bytes from ", offset,
                    " on reach beyond a memory of ", storage.nbytes(), " bytes");
  auto* data = static_cast<uint8_t*>(storage.data_ptr().get());
  return {data + offset, static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset(), bytes};
}

void write(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const auto s = span(info);
    if (s.bytes) std::memcpy(s.storage, s.array, s.bytes);
  });
}

void read(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const auto s = span(info);
    if (s.bytes) std::memcpy(s.array, s.storage, s.bytes);
  });
}

Napi::Value live(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(instance(info.Env()).storages.live()));
}

Napi::Value intern(const Napi::CallbackInfo& info) {
  auto& strings = instance(info.Env()).strings;
  strings.push_back(info[0].As<Napi::String>());
  return Napi::Number::New(info.Env(), static_cast<double>(strings.size() - 1));
}

/** `wire(buffer)`: from now on values cross in this ArrayBuffer. */
void setWire(const Napi::CallbackInfo& info) {
  auto& here = instance(info.Env());
  auto buffer = info[0].As<Napi::ArrayBuffer>();
  here.wireBuffer = Napi::Persistent(buffer);
  here.wire = static_cast<double*>(buffer.Data());
  here.capacity = buffer.ByteLength() / sizeof(double);
}

/** `fetch()`: puts the result that was too long on the wire, which has grown meanwhile. */
void fetch(const Napi::CallbackInfo& info) {
  auto& here = instance(info.Env());
  std::memcpy(here.wire, here.result.data(), std::min(here.capacity, here.result.size()) * sizeof(double));
}

}  // namespace

void defineStorage(Napi::Env env, Napi::Object exports) {
  exports.Set("allocate", Napi::Function::New(env, allocate, "allocate"));
  defineFunction(env, exports, "free", release);
  exports.Set("write", Napi::Function::New(env, write, "write"));
  exports.Set("read", Napi::Function::New(env, read, "read"));
  exports.Set("live", Napi::Function::New(env, live, "live"));
  exports.Set("intern", Napi::Function::New(env, intern, "intern"));
  exports.Set("wire", Napi::Function::New(env, setWire, "wire"));
  exports.Set("fetch", Napi::Function::New(env, fetch, "fetch"));
}

}  // namespace sconce
