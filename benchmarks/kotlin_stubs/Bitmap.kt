package android.graphics

class Bitmap {
    val width: Int get() = TODO()
    val height: Int get() = TODO()
    fun getPixels(into: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int): Unit = TODO()

    companion object {
        @JvmStatic fun createScaledBitmap(from: Bitmap, width: Int, height: Int, filter: Boolean): Bitmap = TODO()

        @JvmStatic fun createBitmap(from: Bitmap, x: Int, y: Int, width: Int, height: Int): Bitmap = TODO()
    }
}
