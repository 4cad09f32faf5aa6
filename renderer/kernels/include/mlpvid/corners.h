// The four corners of what is interpolated bilinearly.
#pragma once

#include "platform.h"

MLPVID_BEGIN

// Something of each: atUV is of the corner that lies U further along u and V further along v.
template <class T>
struct Corners {
    T at00, at10, at01, at11;
};

MLPVID_END
