import Glibc
import Synchronization
import TensorCPU
import Testing

@Suite struct ThreadPoolTests {
    @Test(arguments: [0, 1, 3]) func threadsTheSystemDoesNotGrantAreDoneWithout(granted: Int) {
        var started = 0
        let pool = ThreadPool(threads: 6) { handle, run, argument in
            guard started < granted else { return EAGAIN }
            started += 1
            return pthread_create(&handle, nil, run, argument)
        }
        #expect(pool.threads == granted + 1)
        for _ in 0..<50 {
            let done = Mutex([Int](repeating: 0, count: 100))
            let workers = Mutex(Set<Int>())
            pool.parallel(100) { piece, worker in
                done.withLock { $0[piece] += 1 }
                workers.withLock { _ = $0.insert(worker) }
            }
            #expect(done.withLock { $0 } == [Int](repeating: 1, count: 100))
            #expect(workers.withLock { $0.isSubset(of: Set(0...granted)) })
        }
        pool.stop()
    }
}
