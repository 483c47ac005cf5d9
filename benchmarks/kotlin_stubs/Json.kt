package org.json

class JSONArray {
    fun length(): Int = TODO()
    fun getInt(place: Int): Int = TODO()
    fun getJSONObject(place: Int): JSONObject = TODO()
}

class JSONObject(text: String) {
    fun getInt(name: String): Int = TODO()
    fun getDouble(name: String): Double = TODO()
    fun getString(name: String): String = TODO()
    fun getJSONObject(name: String): JSONObject = TODO()
    fun getJSONArray(name: String): JSONArray = TODO()
}
