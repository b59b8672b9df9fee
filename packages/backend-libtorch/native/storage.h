// The addon's functions on storages and on the wire: `allocate`, `free`, `write`, `read`, `live`, `intern`, `wire`, `fetch`.
#pragma once
#include <napi.h>

namespace sconce {
void defineStorage(Napi::Env env, Napi::Object exports);
}
