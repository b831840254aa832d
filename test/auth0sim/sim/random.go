package sim

import (
	"crypto/rand"
	"encoding/hex"
)

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// randomText returns n random letters and digits, as in the API's IDs.
func randomText(n int) string {
	text := make([]byte, 0, n)
	for len(text) < n {
		var buffer [32]byte
		_, _ = rand.Read(buffer[:]) // never fails
		for _, b := range buffer {
			if int(b) < 256-256%len(letters) && len(text) < n {
				text = append(text, letters[int(b)%len(letters)])
			}
		}
	}
	return string(text)
}

// randomHex returns n random hexadecimal digits; n is even.
func randomHex(n int) string {
	buffer := make([]byte, n/2)
	_, _ = rand.Read(buffer) // never fails
	return hex.EncodeToString(buffer)
}
