// The header once more: it can be included from several units, twice in each, and first of all.
#include <onem2m_ws.h>
#include <onem2m_ws.h>

// Referred to by tests_api.
uint32_t abi_in_second_unit(void);
uint32_t abi_in_second_unit(void) {
    return ONEM2M_WS_ABI;
}
