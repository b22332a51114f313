import Glibc

/// The calling thread's last message, freed when the thread ends.
enum LastError {
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key) { free($0) } == 0 ? key : nil
    }()

    static func set(_ message: String) {
        guard let key, let copy = strdup(message) else { return }
        free(pthread_getspecific(key))
        pthread_setspecific(key, copy)
    }

    static var current: UnsafePointer<CChar> {
        guard let key, let message = pthread_getspecific(key) else { return StaticText.empty }
        return UnsafePointer(message.assumingMemoryBound(to: CChar.self))
    }
}
